// Rows of feature matrices to float32.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef enum {
  hr_float32,
  hr_float16,
  hr_uint8,
  hr_int8,
  hr_float64,
  hr_int16,
  hr_int32,
  hr_int64,
  hr_bfloat16,  // the upper half of a float32
} hr_element;

/// One node range of a matrix: `row_count` rows, `stride` bytes apart; `validity` has one bit a row,
/// or is null when all rows are there. A range without rows has null `rows`.
typedef struct {
  const void *rows;
  const uint64_t *validity;
  size_t row_count;
} hr_matrix_range;

/// Writes `width` elements of each of the `count` rows as float32: row i becomes row `places[i]` of
/// `out`, or row i where `places` is null. A null row is zeros. int8 elements are multiplied by
/// `scale`, which others do not look at. A range holds 2^shift rows. Returns -1, or the place in
/// `nodes` of the first that has no row.
ptrdiff_t hr_gather_rows(const hr_matrix_range *ranges, size_t range_count, unsigned shift,
                         size_t stride, hr_element element, float scale, size_t width,
                         const uint32_t *nodes, const uint32_t *places, size_t count, float *out);

/// Copies `byte_count` bytes of each row as they are, one row after the other; a null row is zeros.
/// Returns as `hr_gather_rows`.
ptrdiff_t hr_copy_rows(const hr_matrix_range *ranges, size_t range_count, unsigned shift,
                       size_t stride, size_t byte_count, const uint32_t *nodes, size_t count,
                       void *out);

/// Where each row is; `null` for a null row. Returns as `hr_gather_rows`.
ptrdiff_t hr_find_rows(const hr_matrix_range *ranges, size_t range_count, unsigned shift,
                       size_t stride, const uint32_t *nodes, size_t count, const void *null,
                       const void **rows);

/// For each node whose bit is set in `words`, writes how many bits are set before it to `ranks` and
/// its place among `nodes` to `places`; for the others node << 32 | place to `rest`. `word_ranks`
/// holds the bits set before each word. Nodes are below `bound`, and bits are there for all; returns
/// the number of those set, or -1 - i for a node i beyond.
ptrdiff_t hr_rank_members(const uint64_t *words, const uint32_t *word_ranks, size_t bound,
                          const uint32_t *nodes, size_t count, uint32_t *ranks, uint32_t *places,
                          uint64_t *rest);

/// How many entries stand in the rows before one, and how many that are kept.
typedef struct {
  uint32_t all, kept;
} hr_row_start;

/// For each address, row << 32 | i, in `places` how many entries of its row stand before the i-th that is kept, and in
/// `runs` the place of its row in `rows`, where each row is once of entries that follow each other. `starts` are
/// `row_count` and the end; `words` has a bit for each entry, `word_ranks` the bits set before each word. Returns the
/// number of rows, or -1 - i for an address i that no row has.
ptrdiff_t hr_find_kept(const hr_row_start *starts, size_t row_count, const uint64_t *words,
                       const uint32_t *word_ranks, const uint64_t *addresses, size_t count,
                       uint64_t *places, uint32_t *runs, uint32_t *rows);

/// One IEEE half as float.
float hr_half_to_float(uint16_t half);
