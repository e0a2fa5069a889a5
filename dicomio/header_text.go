package dicomio

import (
	"strings"
	"unicode/utf8"

	"github.com/suyashkumar/dicom/pkg/tag"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// text returns the text of t in UTF-8, for output that may name the patient.
func (in *Instance) text(t tag.Tag) string {
	return decodeText(in.Dataset.Text(t), in.Charset)
}

// singleByte are the character sets without escapes (PS3.3 C.12.1.1.2), under
// the number that both of their names end in.
var singleByte = map[string]encoding.Encoding{
	"100": charmap.ISO8859_1, "101": charmap.ISO8859_2, "109": charmap.ISO8859_3, "110": charmap.ISO8859_4,
	"144": charmap.ISO8859_5, "127": charmap.ISO8859_6, "126": charmap.ISO8859_7, "138": charmap.ISO8859_8,
	"148": charmap.ISO8859_9, "203": charmap.ISO8859_15, "166": charmap.Windows874, "13": japanese.ShiftJIS,
}

// escapes are the sets that an escape sequence switches to (PS3.3 table
// C.12-3 and C.12-4). G0 sets of two bytes are decoded through an encoding that
// knows the same escape.
var escapes = []struct {
	code string
	set  encoding.Encoding
}{
	{"\x1b(B", charmap.ISO8859_1}, {"\x1b-A", charmap.ISO8859_1}, {"\x1b-B", charmap.ISO8859_2}, {"\x1b-C", charmap.ISO8859_3},
	{"\x1b-D", charmap.ISO8859_4}, {"\x1b-L", charmap.ISO8859_5}, {"\x1b-G", charmap.ISO8859_6}, {"\x1b-F", charmap.ISO8859_7},
	{"\x1b-H", charmap.ISO8859_8}, {"\x1b-M", charmap.ISO8859_9}, {"\x1b-b", charmap.ISO8859_15}, {"\x1b-T", charmap.Windows874},
	{"\x1b(J", japanese.ShiftJIS}, {"\x1b)I", japanese.ShiftJIS},
	{"\x1b$B", nil}, {"\x1b$(D", nil}, // JIS X 0208 and 0212: ISO2022JP knows them
	{"\x1b$)C", korean.EUCKR}, {"\x1b$)A", simplifiedchinese.GBK},
}

// decodeText brings text of the given SpecificCharacterSet to UTF-8. What cannot
// be decoded becomes U+FFFD.
func decodeText(s string, sets []string) string {
	first := ""
	if len(sets) > 0 {
		first = sets[0]
	}
	switch first {
	case "ISO_IR 192":
		return strings.ToValidUTF8(s, string(utf8.RuneError))
	case "GB18030":
		return decodeWith(simplifiedchinese.GB18030, s)
	case "GBK":
		return decodeWith(simplifiedchinese.GBK, s)
	}
	var base encoding.Encoding = charmap.ISO8859_1
	if set, ok := singleByte[first[strings.LastIndexAny(first, " ")+1:]]; ok {
		base = set
	}
	if !strings.Contains(s, "\x1b") {
		return decodeWith(base, s)
	}
	return decodeEscaped(s, base)
}

// decodeEscaped decodes text with code extensions. The set falls back to the
// first one at the delimiters of a name's components and groups.
func decodeEscaped(s string, base encoding.Encoding) string {
	var out strings.Builder
	set, jis := base, ""
	for s != "" {
		if code, to, ok := escapeAt(s); ok {
			s = s[len(code):]
			if set, jis = to, ""; to == nil {
				jis = code
			}
			continue
		}
		stops := "\x1b^="
		if jis != "" { // two-byte sets use the codes of the delimiters
			stops = "\x1b"
		}
		end := strings.IndexAny(s[1:], stops) + 1
		if end == 0 {
			end = len(s)
		}
		part := s[:end]
		if jis == "" && (part[0] == '^' || part[0] == '=') {
			out.WriteByte(part[0])
			part, set, jis = part[1:], base, ""
		}
		if jis != "" {
			out.WriteString(decodeWith(japanese.ISO2022JP, jis+part))
		} else {
			out.WriteString(decodeWith(set, part))
		}
		s = s[end:]
	}
	return out.String()
}

func escapeAt(s string) (code string, set encoding.Encoding, ok bool) {
	for _, e := range escapes {
		if strings.HasPrefix(s, e.code) {
			return e.code, e.set, true
		}
	}
	return "", nil, false
}

func decodeWith(e encoding.Encoding, s string) string {
	out, err := e.NewDecoder().String(s)
	if err != nil {
		return strings.ToValidUTF8(s, string(utf8.RuneError))
	}
	return out
}
