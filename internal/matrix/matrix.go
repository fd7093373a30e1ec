// Package matrix holds the official SDKs of OpenAI, Anthropic, AWS and Google,
// unmodified, against a whole Skein in front of a stand-in of each kind of provider:
// every client × every provider × streamed and not × what a request can ask for.
//
// Its tests print the matrix. A cell is ok, or it names what is lost and the class
// that the loss tables give to it: a refusal that no table foresees is a failure, and
// so is an answer that a table says cannot be had. What comes back is held against
// what the stand-in itself logged, and the requests that each SDK makes are counted.
package matrix
