package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"oncovox/internal/kernel"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version, the toolchain and the kernels in use",
		Long:    long("Version prints the version of the program, of the toolchain that built it, and the\nset of inner loops that this machine runs."),
		Example: "  oncovox version",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(a.stdout, "oncovox %s %s %s/%s kernel %s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, kernel.Name())
			return err
		},
	}
}

// version returns the version of the program: that of its module, or the commit
// it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}
