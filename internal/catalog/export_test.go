package catalog

// Pack and Unpack are for the test that keeps packed.txt what the data say.
var Pack = (*Catalog).pack

func Unpack(text string) (*Catalog, error) {
	c, err := unpack(text)
	if err == nil {
		c.index()
	}
	return c, err
}
