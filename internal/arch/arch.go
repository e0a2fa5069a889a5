// Package arch holds the rules of which package may import what, as tests.
package arch
