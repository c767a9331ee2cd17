package envvar

// vcapService is an entry of VCAP_SERVICES.
type vcapService struct {
	Name        string   `json:"name"`
	Label       string   `json:"label"`
	Tags        []string `json:"tags"`
	Plan        string   `json:"plan"`
	Credentials object   `json:"credentials"`
}

func vcapDocument(s Set, svc Service) ([]byte, error) {
	credentials := s.Credentials()
	if err := credentials.checkUTF8(); err != nil {
		return nil, err
	}
	entry := vcapService{
		Name:        svc.Name,
		Label:       svc.Label,
		Tags:        append([]string{}, svc.Tags...), // [] rather than null
		Plan:        svc.Plan,
		Credentials: object(credentials),
	}
	return indented(map[string][]vcapService{svc.Label: {entry}})
}
