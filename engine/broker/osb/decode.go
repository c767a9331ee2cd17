package osb

// serviceIDInUpdates is the minor version since which an update names its service.
const serviceIDInUpdates = 6

// DecodeProvision reads the body of a provision request.
func DecodeProvision(body []byte, _ Version) (*ProvisionRequest, *Error) {
	o, refusal := parseBody(body)
	if refusal != nil {
		return nil, refusal
	}
	r := reader{object: o}
	request := &ProvisionRequest{
		ServiceID:        r.id("service_id"),
		PlanID:           r.id("plan_id"),
		OrganizationGUID: r.id("organization_guid"),
		SpaceGUID:        r.id("space_guid"),
		Context:          r.raw("context"),
		Parameters:       r.raw("parameters"),
		MaintenanceInfo:  r.maintenanceInfo(),
	}
	if r.refusal != nil {
		return nil, r.refusal
	}
	return request, nil
}

// DecodeUpdate reads the body of an update. Clients before 2.6 need not name the
// service.
func DecodeUpdate(body []byte, v Version) (*UpdateRequest, *Error) {
	o, refusal := parseBody(body)
	if refusal != nil {
		return nil, refusal
	}
	r := reader{object: o}
	request := &UpdateRequest{
		PlanID:          r.optionalID("plan_id"),
		Context:         r.raw("context"),
		Parameters:      r.raw("parameters"),
		PreviousValues:  r.previousValues(),
		MaintenanceInfo: r.maintenanceInfo(),
	}
	if _, sent := o.fields["service_id"]; sent || !v.Before(serviceIDInUpdates) {
		request.ServiceID = r.id("service_id")
	}
	if r.refusal != nil {
		return nil, r.refusal
	}
	return request, nil
}

// DecodeBind reads the body of a bind request. A rotation needs nothing but the
// binding that it follows.
func DecodeBind(body []byte, _ Version) (*BindRequest, *Error) {
	o, refusal := parseBody(body)
	if refusal != nil {
		return nil, refusal
	}
	r := reader{object: o}
	request := &BindRequest{
		PredecessorBindingID: r.optionalID("predecessor_binding_id"),
		AppGUID:              r.optionalID("app_guid"),
		BindResource:         r.bindResource(),
		Context:              r.raw("context"),
		Parameters:           r.raw("parameters"),
	}
	if request.PredecessorBindingID != "" {
		request.ServiceID, request.PlanID = r.optionalID("service_id"), r.optionalID("plan_id")
	} else {
		request.ServiceID, request.PlanID = r.id("service_id"), r.id("plan_id")
	}
	if r.refusal != nil {
		return nil, r.refusal
	}
	return request, nil
}
