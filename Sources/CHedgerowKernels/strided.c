#include "strided.h"
#include "dispatch.h"

// A plane whose rows lie the other way in one of the two is walked in tiles, so that both stay in the
// nearest cache.
#define TILE 16

#define PLANE(NAME, T, OPERATOR)                                                              \
  HR_CLONES void NAME(T *restrict out, const T *restrict in, hr_plane p) {                    \
    if (p.out_column == 1 && p.in_column == 1) {                                              \
      for (size_t r = 0; r < p.rows; r++, out += p.out_row, in += p.in_row)                   \
        for (size_t c = 0; c < p.columns; c++) out[c] OPERATOR in[c];                         \
      return;                                                                                 \
    }                                                                                         \
    if (p.out_column == 1 && p.in_column == 0) {                                              \
      for (size_t r = 0; r < p.rows; r++, out += p.out_row, in += p.in_row) {                 \
        const T value = in[0];                                                                \
        for (size_t c = 0; c < p.columns; c++) out[c] OPERATOR value;                         \
      }                                                                                       \
      return;                                                                                 \
    }                                                                                         \
    for (size_t first = 0; first < p.rows; first += TILE) {                                   \
      const size_t rows = p.rows - first < TILE ? p.rows - first : TILE;                      \
      for (size_t c = 0; c < p.columns; c++) {                                                \
        T *restrict to = out + (ptrdiff_t)first * p.out_row + (ptrdiff_t)c * p.out_column;    \
        const T *restrict from =                                                              \
            in + (ptrdiff_t)first * p.in_row + (ptrdiff_t)c * p.in_column;                    \
        for (size_t r = 0; r < rows; r++, to += p.out_row, from += p.in_row) *to OPERATOR *from; \
      }                                                                                       \
    }                                                                                         \
  }

PLANE(hr_copy_plane_8, uint8_t, =)
PLANE(hr_copy_plane_16, uint16_t, =)
PLANE(hr_copy_plane_32, uint32_t, =)
PLANE(hr_copy_plane_64, uint64_t, =)
PLANE(hr_add_plane_f32, float, +=)
PLANE(hr_add_plane_f64, double, +=)
