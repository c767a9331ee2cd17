package osb

import "encoding/json"

// reader takes fields from an object and keeps the first refusal.
type reader struct {
	object  object
	refusal *Error
}

func (r *reader) note(refusal *Error) {
	if r.refusal == nil {
		r.refusal = refusal
	}
}

func (r *reader) id(name string) string {
	value, refusal := r.object.id(name)
	r.note(refusal)
	return value
}

func (r *reader) optionalID(name string) string {
	value, refusal := r.object.optionalID(name)
	r.note(refusal)
	return value
}

// raw is the text of an optional object.
func (r *reader) raw(name string) json.RawMessage {
	text, _, refusal := r.object.optionalObject(name)
	r.note(refusal)
	return text
}

// within reads an optional object with the function; it does not call it when
// there is none.
func (r *reader) within(name string, read func(inner *reader, text json.RawMessage)) {
	text, object, refusal := r.object.optionalObject(name)
	r.note(refusal)
	if text == nil {
		return
	}
	inner := reader{object: object}
	read(&inner, text)
	r.note(inner.refusal)
}

func (r *reader) maintenanceInfo() (info *MaintenanceInfo) {
	r.within("maintenance_info", func(inner *reader, _ json.RawMessage) {
		info = &MaintenanceInfo{Version: inner.id("version")}
	})
	return info
}

func (r *reader) bindResource() (resource *BindResource) {
	r.within("bind_resource", func(inner *reader, text json.RawMessage) {
		resource = &BindResource{AppGUID: inner.optionalID("app_guid"), Route: inner.optionalID("route"), Raw: text}
	})
	return resource
}

func (r *reader) previousValues() (previous *PreviousValues) {
	r.within("previous_values", func(inner *reader, _ json.RawMessage) {
		previous = &PreviousValues{
			ServiceID:        inner.optionalID("service_id"),
			PlanID:           inner.optionalID("plan_id"),
			OrganizationGUID: inner.optionalID("organization_id"),
			SpaceGUID:        inner.optionalID("space_id"),
			MaintenanceInfo:  inner.maintenanceInfo(),
		}
	})
	return previous
}
