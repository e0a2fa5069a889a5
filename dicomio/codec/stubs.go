package codec

func isJPEGLS(b []byte) bool                  { return false }
func JPEGLS(dst, src []byte, s Shape) error   { return unsupported("JPEG-LS") }
func JPEG2000(dst, src []byte, s Shape) error { return unsupported("JPEG 2000") }
