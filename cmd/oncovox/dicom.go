package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"oncovox/dicomio"
	"oncovox/internal/stage"
	"oncovox/internal/whole"
)

func (a *app) dicomCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "dicom",
		Short:   "Look into DICOM files",
		Long:    long("Dicom looks into DICOM files with the reader that ingest uses."),
		Example: "  oncovox dicom info slice.dcm",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return usagef("dicom: say info or pixels") },
	}
	cmd.AddCommand(a.dicomInfoCommand(), a.dicomPixelsCommand())
	return cmd
}

func (a *app) dicomInfoCommand() *cobra.Command {
	var asJSON, phi bool
	cmd := &cobra.Command{
		Use:   "info FILE | SOURCE... --json",
		Short: "Print what headers say, and whether files can be used",
		Long: long(`Info prints the facts of a file's header and the reader's verdict. It shows nothing
that leads to the patient unless --phi is given. A file that is refused ends it
with exit code 3.

Of folders, archives or several files it prints a JSON object a line, in the
order in which ingest visits them: the facts of the header alone, so that it
is quick. Lines have the number of the file; --phi adds its name.`),
		Example: "  oncovox dicom info slice.dcm\n  oncovox dicom info scans.zip --json > headers.jsonl",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return nil
			}
			return oneArg("file", "slice.dcm")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			many, err := manyFiles(args)
			switch {
			case err != nil:
				return classed{err, stage.ErrConfig}
			case many && !asJSON:
				return usagef("dicom info: of folders, archives and several files it prints JSON lines: add --json")
			case many:
				return a.index(cmd.Context(), args, phi)
			}
			b, err := os.ReadFile(args[0])
			if err != nil {
				return classed{err, stage.ErrConfig}
			}
			facts := dicomio.Info(b, phi)
			if asJSON {
				err = a.printJSON(facts)
			} else {
				err = a.printFacts(facts)
			}
			if err == nil && facts.Verdict != "ok" {
				err = refusedf("%s: refused: %s", args[0], facts.Reason)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	cmd.Flags().BoolVar(&phi, "phi", false, "print what leads to the patient too")
	return cmd
}

// manyFiles reports whether args are other than one file to be read as it is.
func manyFiles(args []string) (bool, error) {
	many := len(args) > 1
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil {
			return false, err
		}
		many = many || !info.Mode().IsRegular()
	}
	if many {
		return true, nil
	}
	f, err := os.Open(args[0])
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, dicomio.HeadBytes)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	return dicomio.IsArchive(head[:n]), nil
}

// index prints a line for each file in sources.
func (a *app) index(ctx context.Context, sources []string, phi bool) error {
	out := bufio.NewWriterSize(a.stdout, 1<<16)
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	all, refused := 0, 0
	err := dicomio.Index(ctx, sources, phi, func(row dicomio.Indexed) error {
		all++
		if row.Verdict != "ok" && row.Reason != dicomio.NotDICOM {
			refused++
		}
		return lines.Encode(row)
	})
	if err := cmp.Or(err, out.Flush()); err != nil {
		return err
	}
	if refused > 0 {
		return refusedf("%d of %d files are refused", refused, all)
	}
	return nil
}

func (a *app) dicomPixelsCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "pixels FILE --out FILE.npy",
		Short: "Write a file's stored pixel values as a numpy array",
		Long: long(`Pixels writes the stored values of all frames, before any rescale, in C order:
frames, rows, columns, samples; without frames or samples where there is one.`),
		Example: "  oncovox dicom pixels slice.dcm --out slice.npy",
		Args:    oneArg("file", "slice.dcm"),
		RunE: func(_ *cobra.Command, args []string) error {
			if out == "" {
				return usagef("dicom pixels: --out is missing: name a file such as slice.npy")
			}
			return writePixels(args[0], out)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "numpy file to write (required)")
	return cmd
}

// writePixels writes the stored values of the DICOM file at path to out.
func writePixels(path, out string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return classed{err, stage.ErrConfig}
	}
	in, err := dicomio.ReadInstance(path, b)
	if err != nil {
		return refusedf("%w", err)
	}
	if !in.HasPixels {
		return refusedf("%s: has no pixels", path)
	}
	f, err := whole.Create(out, 0o644)
	if err != nil {
		return err
	}
	defer f.Abort()
	if err := dicomio.WriteNPY(f, in); err != nil {
		return refusedf("%w", err)
	}
	return f.Commit()
}

func refusedf(format string, args ...any) error {
	return classed{fmt.Errorf(format, args...), stage.ErrRefused}
}

// printFacts prints f, a fact a line.
func (a *app) printFacts(f dicomio.Facts) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	row := func(name string, value any) {
		if text := fmt.Sprint(value); text != "" && text != "[]" {
			fmt.Fprintf(w, "%s\t%s\n", name, text)
		}
	}
	row("verdict", f.Verdict)
	row("reason", f.Reason)
	row("detail", f.Detail)
	row("notes", strings.Join(f.Notes, "; "))
	row("transfer syntax", f.TransferSyntax)
	row("SOP class", f.SOPClass)
	row("modality", f.Modality)
	row("image type", strings.Join(f.ImageType, `\`))
	row("manufacturer", f.Manufacturer)
	row("elements", f.Elements)
	if p := f.Pixels; p != nil {
		row("pixels", fmt.Sprintf("%d × %d × %d × %d (frames, rows, columns, samples), %s, %d of %d bits", p.Frames, p.Rows, p.Columns, p.Samples, p.DType, p.BitsStored, p.BitsAllocated))
		row("photometric", p.Photometric)
		row("rescale", fmt.Sprintf("%v · stored + %v", p.Slope, p.Intercept))
	}
	if g := f.Geometry; g != nil {
		row("position, LPS mm", g.Position)
		row("orientation", g.Orientation)
		row("pixel spacing, mm", g.PixelSpacing)
		row("slice thickness, mm", g.SliceThickness)
	}
	if p := f.Patient; p != nil {
		row("patient", fmt.Sprintf("%s, id %s, born %s, sex %s", p.Name, p.ID, p.BirthDate, p.Sex))
		row("study", fmt.Sprintf("%s of %s", p.Study, p.StudyDate))
		row("series", fmt.Sprintf("%s, %s", p.Series, p.Description))
		row("instance", p.Instance)
	}
	return w.Flush()
}
