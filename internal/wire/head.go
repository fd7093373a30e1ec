package wire

// Head is what stands around a request's body and belongs to its meaning: some
// services put into the address what others put into the body. A nil Head says
// nothing.
type Head struct {
	// Model is the model that the address names; "" where the body does.
	Model string
	// Streams: the address also says whether a stream is wanted, in Stream.
	Streams, Stream bool
	// Dialect is how the client carries the format, such as Bedrock's and Vertex's
	// ways to carry Messages; nil: as the format's specification says.
	Dialect *Dialect
	// Betas are the flags of the client's beta header; those in a body are found by
	// the scan.
	Betas []string
}

// Name takes model and stream from the address where they stand there; what the
// body says of them does not count then.
func (h *Head) Name(model *string, stream *bool) {
	if h == nil {
		return
	}
	if h.Model != "" {
		*model = h.Model
	}
	if h.Streams {
		*stream = h.Stream
	}
}
