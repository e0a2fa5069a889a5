package dicomio

import "github.com/suyashkumar/dicom/pkg/tag"

// A vr is a value representation (PS3.5 section 6.2): its two letters. The zero
// vr stands for an element that states none (implicit).
type vr uint16

const (
	vrAE = vr('A'<<8 | 'E')
	vrAS = vr('A'<<8 | 'S')
	vrAT = vr('A'<<8 | 'T')
	vrCS = vr('C'<<8 | 'S')
	vrDA = vr('D'<<8 | 'A')
	vrDS = vr('D'<<8 | 'S')
	vrDT = vr('D'<<8 | 'T')
	vrFD = vr('F'<<8 | 'D')
	vrFL = vr('F'<<8 | 'L')
	vrIS = vr('I'<<8 | 'S')
	vrLO = vr('L'<<8 | 'O')
	vrLT = vr('L'<<8 | 'T')
	vrOB = vr('O'<<8 | 'B')
	vrOD = vr('O'<<8 | 'D')
	vrOF = vr('O'<<8 | 'F')
	vrOL = vr('O'<<8 | 'L')
	vrOV = vr('O'<<8 | 'V')
	vrOW = vr('O'<<8 | 'W')
	vrPN = vr('P'<<8 | 'N')
	vrSH = vr('S'<<8 | 'H')
	vrSL = vr('S'<<8 | 'L')
	vrSQ = vr('S'<<8 | 'Q')
	vrSS = vr('S'<<8 | 'S')
	vrST = vr('S'<<8 | 'T')
	vrSV = vr('S'<<8 | 'V')
	vrTM = vr('T'<<8 | 'M')
	vrUC = vr('U'<<8 | 'C')
	vrUI = vr('U'<<8 | 'I')
	vrUL = vr('U'<<8 | 'L')
	vrUN = vr('U'<<8 | 'N')
	vrUR = vr('U'<<8 | 'R')
	vrUS = vr('U'<<8 | 'S')
	vrUT = vr('U'<<8 | 'T')
	vrUV = vr('U'<<8 | 'V')
)

// vrAt returns the representation written at the start of b.
func vrAt(b []byte) vr { return vr(b[0])<<8 | vr(b[1]) }

// isVR reports whether b starts with a representation of PS3.5 table 6.2-1.
func isVR(b []byte) bool {
	v := vrAt(b)
	return v.long() || v.unit() != 0 || v.text()
}

// long reports whether the length after v takes 32 bits (PS3.5 section 7.1.2).
func (v vr) long() bool {
	switch v {
	case vrOB, vrOD, vrOF, vrOL, vrOV, vrOW, vrSQ, vrSV, vrUC, vrUN, vrUR, vrUT, vrUV:
		return true
	}
	return false
}

// text reports whether values of v are text.
func (v vr) text() bool {
	switch v {
	case vrAE, vrAS, vrCS, vrDA, vrDS, vrDT, vrIS, vrLO, vrLT, vrPN, vrSH, vrST, vrTM, vrUC, vrUI, vrUR, vrUT:
		return true
	}
	return false
}

// unit returns the size of the words that values of v are made of, which
// byte order turns round, or 0 for text and sequences.
func (v vr) unit() int {
	switch v {
	case vrOB, vrUN:
		return 1
	case vrAT, vrOW, vrSS, vrUS:
		return 2
	case vrFL, vrOF, vrOL, vrSL, vrUL:
		return 4
	case vrFD, vrOD, vrOV, vrSV, vrUV:
		return 8
	}
	return 0
}

// parsed returns the representation in which the header parser is to see short
// values of v: one it reads right.
func (v vr) parsed() vr {
	switch v {
	case vrFD, vrFL, vrSL, vrSS, vrUL, vrUS:
		return v
	case vrAT:
		return vrUS
	}
	if v.text() {
		return vrLO
	}
	return vrOB
}

// dictionary returns the representation that the standard gives t, or UN for a
// tag it does not hold. Where the standard leaves a choice it returns the first.
func dictionary(t tag.Tag) vr {
	if t.Group&0xff00 == 0x6000 && t.Group%2 == 0 { // repeating overlay groups
		t.Group = 0x6000
	}
	info, err := tag.Find(t)
	if err != nil || len(info.VRs) == 0 || len(info.VRs[0]) != 2 {
		return vrUN
	}
	return vrAt([]byte(info.VRs[0]))
}
