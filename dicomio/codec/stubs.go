package codec

func JPEG2000(dst, src []byte, s Shape) error { return unsupported("JPEG 2000") }
