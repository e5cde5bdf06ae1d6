// Matrix products of float32 that skip the zeros of the left factor.
//
// What comes back through relu and dropout is three quarters zeros, and so is what they leave for the
// next layer: products with them take the time of the numbers that are left. Zeros are found anew in
// each product; nothing is said of where they are.
//
// An element of the result is summed in rising order of k, each product added in one rounding. Zeros
// count as nothing: one times infinity or NaN is 0 here.
#pragma once
#include <stdbool.h>
#include <stddef.h>

/// A matrix whose element (r, c) is at base[r row_step + c column_step]; one of the steps is 1.
typedef struct {
  const float *base;
  size_t row_step, column_step;
} hr_floats;

/// Whether skipping zeros is likely to be faster than BLAS for a product of a, which is [m, k], with n
/// columns: by a look at some of its rows or columns, whichever stand together. Never on a processor
/// without AVX2.
bool hr_is_worth_skipping(hr_floats a, size_t m, size_t n, size_t k);

/// Numbers that `hr_gemm_skipping` needs beside: some 300 KiB.
size_t hr_gemm_skipping_scratch_count(void);

/// One of the products of a left factor: its right factor, which has n columns, and the result, which has
/// `c_step` numbers from row to row.
typedef struct {
  hr_floats b;
  size_t n;
  float *c;
  size_t c_step;
} hr_product;

/// c = a b, or c += a b when `is_added`, for each of `count` products, which share the lists of a: a is [m, k],
/// b [k, n]. `scratch` is aligned to 64 bytes. Not for a processor without AVX2. Time O(m k + N z) for z
/// numbers of a that are not zero and N columns of all products.
void hr_gemm_skipping(const hr_product *products, size_t count, hr_floats a, size_t m, size_t k,
                      bool is_added, float *scratch);
