// Products of two sparse matrices by rows, for float (`_f32`) and double (`_f64`): Gustavson, Two
// fast algorithms for sparse matrices, 1978.
//
// a, b and the product have compressed rows. A row of the product is gathered in a table of its
// columns: a hash table, or one with a slot for each column where that is no larger. All are serial
// over the rows `begin..<end` that they are given, and add the terms of an element in the order of
// a's entries, whatever the table.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Columns and sums of one row at a time. A thread's own.
typedef struct hr_spgemm_table {
  uint32_t *columns;  // of `capacity` slots; UINT32_MAX, when no row is in it
  uint32_t *slots;    // those in use: room for `capacity`
  void *sums;         // of `capacity` slots, of the element type
  uint32_t *keys;     // room for 2 `capacity`
  uint64_t capacity;
} hr_spgemm_table;

/// bounds[r] = how many terms row r of the product has.
void hr_spgemm_bounds(uint64_t *bounds, const uint32_t *a_offsets, const uint32_t *a_columns,
                      const uint32_t *b_offsets, size_t begin, size_t end);

/// The capacity of a table for rows of up to `bound` terms in `width` columns.
uint64_t hr_spgemm_capacity(uint64_t bound, uint64_t width);

/// counts[r] = in how many of `width` columns row r of the product has terms.
void hr_spgemm_count(uint32_t *counts, const uint64_t *bounds, const uint32_t *a_offsets,
                     const uint32_t *a_columns, const uint32_t *b_offsets,
                     const uint32_t *b_columns, uint64_t width, const hr_spgemm_table *table,
                     size_t begin, size_t end);

#define HR_DECLARE_SPARSE(T, S)                                                                   \
  /* Columns, rising, and values of the rows of the product, which begin at `offsets`. */         \
  void hr_spgemm_fill_##S(uint32_t *columns, T *values, const uint32_t *offsets,                  \
                          const uint64_t *bounds, const uint32_t *a_offsets,                      \
                          const uint32_t *a_columns, const T *a, const uint32_t *b_offsets,       \
                          const uint32_t *b_columns, const T *b, uint64_t width,                  \
                          const hr_spgemm_table *table, size_t begin, size_t end);                \
  /* da[e] = sum over the columns j of row k of b[k, j] dy[i, j], for entry e of a at (i, k); dy  \
     is at the places of the product. */                                                          \
  void hr_spgemm_backward_##S(T *da, const uint32_t *offsets, const uint32_t *columns,            \
                              const T *dy, const uint32_t *a_offsets,                             \
                              const uint32_t *a_columns, const uint32_t *b_offsets,               \
                              const uint32_t *b_columns, const T *b, uint64_t width,              \
                              const hr_spgemm_table *table, size_t begin, size_t end);
HR_DECLARE_SPARSE(float, f32)
HR_DECLARE_SPARSE(double, f64)
#undef HR_DECLARE_SPARSE
