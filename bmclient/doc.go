// Package bmclient is a signed client for the script API of Tencent Cloud Bare Metal.
package bmclient
