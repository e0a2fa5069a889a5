// Package dicomio turns archives of DICOM studies into volumes and lesions.
//
// The way of the data: [Scan] finds the files of an archive, however it is
// packed. [ReadInstance] checks the bytes of one file and takes the facts of
// its header into an [Instance]; Instance.Stored and Instance.Pixels decode its
// frames. Instances are then gathered into series, and each series ends as a
// volume, a corrected volume, several volumes, or refused with a [Reason].
//
// # What is trusted
//
// Nothing. A file is first walked with bounds: every length is checked against
// the bytes that are left, nesting against a depth, items against their
// grammar, and byte order and value representations are decided from the bytes
// where the file's own label is wrong (PS3.5 section 7, PS3.10 section 7). The
// walk writes a plain copy of the header (explicit VR, little endian, defined
// lengths, no pixel data), and only this copy is given to the header parser.
// Memory and time are bounded by the size of the file, never by what the file
// claims.
//
// An error of this package names a file and a Reason. It never holds a value
// of an element, since that may name the patient.
package dicomio
