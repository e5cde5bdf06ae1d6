// Copies between arrays whose elements are steps apart: what makes a view contiguous, and writes into
// one. Serial: callers cut the rows.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// `rows` by `columns` elements; the steps from one to the next, in elements, of what is written and
/// what is read.
typedef struct {
  size_t rows, columns;
  ptrdiff_t out_row, out_column, in_row, in_column;
} hr_plane;

/// out[r, c] = in[r, c], of elements of 1, 2, 4 or 8 bytes. The two do not overlap.
void hr_copy_plane_8(uint8_t *out, const uint8_t *in, hr_plane plane);
void hr_copy_plane_16(uint16_t *out, const uint16_t *in, hr_plane plane);
void hr_copy_plane_32(uint32_t *out, const uint32_t *in, hr_plane plane);
void hr_copy_plane_64(uint64_t *out, const uint64_t *in, hr_plane plane);

/// out[r, c] += in[r, c]
void hr_add_plane_f32(float *out, const float *in, hr_plane plane);
void hr_add_plane_f64(double *out, const double *in, hr_plane plane);
