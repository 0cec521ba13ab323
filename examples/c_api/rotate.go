// SPDX-License-Identifier: MIT

// The C API from Go: moves a cached key from position 100 to position 40, and compares it with the
// key rotated at position 40.
package main

// #include <stdlib.h>
// #include <yarn/c_api.h>
import "C"

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"unsafe"
)

const headDim = 128

func require(status C.yarn_status) {
	if status != C.YARN_OK {
		fmt.Fprintln(os.Stderr, "rotate:", C.GoString(C.yarn_last_error()))
		os.Exit(1)
	}
}

// rotate rotates one head in place.
func rotate(key []float32, freqs *C.yarn_frequencies, position int64) {
	// A struct that Go passes to C may point only to memory of C or to pinned memory of Go. Therefore
	// the positions and the key are copied to memory of C.
	at := (*C.yarn_positions)(C.malloc(C.sizeof_yarn_positions))
	defer C.free(unsafe.Pointer(at))
	*at = C.yarn_positions{struct_size: C.sizeof_yarn_positions, n_tokens: 1}
	at.first = C.int64_t(position)
	data := C.malloc(C.size_t(len(key)) * 4)
	defer C.free(data)
	inC := unsafe.Slice((*float32)(data), len(key))
	copy(inC, key)

	var x C.yarn_tensor
	require(C.yarn_tensor_init(&x, C.sizeof_yarn_tensor, data, C.YARN_FLOAT32, 1, 1, headDim))
	rows := C.yarn_row_source{struct_size: C.sizeof_yarn_row_source, frequencies: freqs, positions: at}
	require(C.yarn_rope_apply(&x, nil, &rows, C.YARN_HALF_SPLIT))
	copy(key, inC)
}

func main() {
	runtime.LockOSThread() // yarn_last_error belongs to the thread
	shape := C.yarn_shape{struct_size: C.sizeof_yarn_shape, head_dim: headDim, rope_theta: 10000}
	var method C.yarn_method
	require(C.yarn_method_init(&method, C.sizeof_yarn_method, C.YARN_METHOD_YARN))
	method.factor = 32
	method.original_max_position_embeddings = 4096
	var freqs, shift *C.yarn_frequencies
	require(C.yarn_frequencies_make(&shape, &method, 0, &freqs))
	defer C.yarn_frequencies_free(freqs)
	require(C.yarn_unscaled(freqs, &shift))
	defer C.yarn_frequencies_free(shift)

	moved := make([]float32, headDim)
	for i := range moved {
		moved[i] = float32(math.Sin(float64(i)))
	}
	expected := append([]float32(nil), moved...)
	rotate(moved, freqs, 100)
	rotate(moved, shift, 40-100)
	rotate(expected, freqs, 40)
	largest := 0.0
	for i := range moved {
		largest = math.Max(largest, math.Abs(float64(moved[i]-expected[i])))
	}
	fmt.Printf("moved from 100 to 40: the largest difference is %.1e\n", largest)

	method.factor = -1
	status := C.yarn_frequencies_make(&shape, &method, 0, &freqs)
	fmt.Println(C.GoString(C.yarn_last_error()))
	if largest > 1e-6 || largest == 0 || status != C.YARN_INVALID_ARGUMENT {
		os.Exit(1)
	}
}
