package cli

import (
	"fmt"
	"io"
	"os"
)

// maxSecretBytes is more than an environment variable can hold.
const maxSecretBytes = 128 << 10

// readSecretFile reads the file of a secret; "-" is standard input.
func (s *Streams) readSecretFile(name string) ([]byte, error) {
	if name == "-" {
		return readSecret(s.In)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readSecret(file)
}

func readSecret(from io.Reader) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(from, maxSecretBytes+1))
	if err == nil && len(content) > maxSecretBytes {
		err = fmt.Errorf("it is longer than %d bytes", maxSecretBytes)
	}
	return content, err
}
