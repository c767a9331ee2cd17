package osb

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// The error codes of the specification. Most errors have none.
const (
	AsyncRequired           = "AsyncRequired"
	ConcurrencyError        = "ConcurrencyError"
	RequiresApp             = "RequiresApp"
	MaintenanceInfoConflict = "MaintenanceInfoConflict"
)

// Error is an answer that refuses a request. Its JSON is the body.
type Error struct {
	Status           int    `json:"-"`
	Code             string `json:"error,omitempty"`
	Description      string `json:"description"`
	InstanceUsable   *bool  `json:"instance_usable,omitempty"`   // after an update or a deprovisioning
	UpdateRepeatable *bool  `json:"update_repeatable,omitempty"` // after an update
}

// Error implements error with the description.
func (e *Error) Error() string { return e.Description }

// Errorf makes an error without a code.
func Errorf(status int, format string, args ...any) *Error {
	return &Error{Status: status, Description: fmt.Sprintf(format, args...)}
}

// BadRequest is 400: the request is malformed, or lacks something.
func BadRequest(format string, args ...any) *Error {
	return Errorf(http.StatusBadRequest, format, args...)
}

// Unauthorized is 401: the credentials are missing or wrong.
func Unauthorized(format string, args ...any) *Error {
	return Errorf(http.StatusUnauthorized, format, args...)
}

// NotFound is 404: no such thing, or it is not ready to be fetched.
func NotFound(format string, args ...any) *Error { return Errorf(http.StatusNotFound, format, args...) }

// MethodNotAllowed is 405: the resource knows other methods.
func MethodNotAllowed(format string, args ...any) *Error {
	return Errorf(http.StatusMethodNotAllowed, format, args...)
}

// Conflict is 409: the id is taken by something that was asked for differently.
func Conflict(format string, args ...any) *Error { return Errorf(http.StatusConflict, format, args...) }

// PreconditionFailed is 412: the platform speaks another version of the API.
func PreconditionFailed(format string, args ...any) *Error {
	return Errorf(http.StatusPreconditionFailed, format, args...)
}

// TooLarge is 413: the body is longer than what is read.
func TooLarge(format string, args ...any) *Error {
	return Errorf(http.StatusRequestEntityTooLarge, format, args...)
}

// Unprocessable is 422 without a code: understood, and not possible as things are.
func Unprocessable(format string, args ...any) *Error {
	return Errorf(http.StatusUnprocessableEntity, format, args...)
}

// Coded is 422 with one of the codes of the specification.
func Coded(code, format string, args ...any) *Error {
	refusal := Unprocessable(format, args...)
	refusal.Code = code
	return refusal
}

// Empty is the body {} of a request that is done and has nothing to tell.
type Empty struct{}

// WriteJSON answers with the status and the body. The body is made whole first:
// when that fails nothing has been written.
func WriteJSON(w http.ResponseWriter, status int, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("make the answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("send the answer: %w", err)
	}
	return nil
}
