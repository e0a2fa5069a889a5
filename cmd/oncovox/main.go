// Command oncovox turns archives of hospital scans into a tumour detector and a
// report about it, on one machine, offline.
//
// Results go to standard output; progress, logs and errors go to standard
// error. Nothing else in this program prints. An error is one line that says
// what, where and what to do.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"oncovox/internal/stage"
)

// The exit codes, as every command's help lists them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitRefused     = 3
	exitGate        = 4
	exitInterrupted = 130
)

const exitHelp = `Exit codes:
  0    done
  1    failed
  2    wrong usage, pipeline file or setting
  3    more input refused than allowed
  4    a check of trust failed: leakage, or verify
  130  interrupted`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the command line args and returns the exit code.
func run(args []string, stdout io.Writer, stderr *os.File) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	a := &app{stdout: stdout, ui: newUI(stderr)}
	cmd := a.root()
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	err := cmd.ExecuteContext(ctx)
	a.ui.close()
	if err == nil {
		return exitDone
	}
	if !a.started {
		err = classed{err, stage.ErrConfig}
	}
	code := exitCode(ctx, err)
	if code == exitInterrupted {
		err = fmt.Errorf("interrupted: %w", err)
	}
	a.ui.fail(err, code)
	return code
}

// exitCode maps what went wrong to the exit code.
func exitCode(ctx context.Context, err error) int {
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.Is(err, stage.ErrConfig):
		return exitUsage
	case errors.Is(err, stage.ErrRefused):
		return exitRefused
	case errors.Is(err, stage.ErrGate):
		return exitGate
	}
	return exitFailed
}

// A classed error is of a class that has an exit code of its own, without saying
// so in its text.
type classed struct {
	error
	class error
}

func (e classed) Is(target error) bool { return target == e.class }
func (e classed) Unwrap() error        { return e.error }

// usagef returns the error of a command line that cannot be run.
func usagef(format string, args ...any) error {
	return classed{fmt.Errorf(format, args...), stage.ErrConfig}
}
