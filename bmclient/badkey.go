package bmclient

import (
	"errors"
	"slices"
)

// badKeys are the answers that say that the key itself is no good: not known,
// switched off, or not the secret or token that belongs to it. A key that was
// rotated meanwhile gets them.
var badKeys = []string{
	"AuthFailure", "AuthFailure.InvalidSecretId", "AuthFailure.SecretIdNotFound", "AuthFailure.SignatureFailure", "AuthFailure.TokenFailure",
	"UnauthorizedOperation.InvalidToken", // TAT's word for it
}

// BadKey reports whether err is an API's answer that the key is no good. Nothing
// was run then, and another key may do.
func BadKey(err error) bool {
	e, is := errors.AsType[*Error](err)
	return is && (e.Number == 4100 || e.Number == 4104 || e.Number == 4105 || slices.Contains(badKeys, e.Code))
}
