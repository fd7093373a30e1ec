//go:build !unix

package auth

// Ours says whether a socket, or the folder that it is in, can be trusted to be this
// user's. Here folders of users are their own.
func Ours(string) error { return nil }
