#include "sparse_gemm.h"
#include <stdint.h>
#include <string.h>

// A row of the left factor becomes a list of its numbers and of where they are. A stretch of rows of the
// right factor that a row's list points into, 64 columns wide, stays in the first cache; the sums of
// these columns stay in registers along the list.
enum { lanes = 8, chunk_vectors = 8, chunk_width = lanes * chunk_vectors };
enum { block_depth = 96, block_rows = 256 };
// A vector is written behind a list's end.
enum { list_room = block_depth + lanes };

static inline size_t least(size_t a, size_t b) { return a < b ? a : b; }

/// What the lists of a block need, one behind the other in the caller's scratch.
typedef struct {
  float values[block_rows][list_room];
  uint32_t places[block_rows][list_room];
  uint32_t counts[block_rows];
  float chunk[block_depth * chunk_width];
} workspace;

size_t hr_gemm_skipping_scratch_count(void) { return sizeof(workspace) / sizeof(float); }

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,fma,popcnt")))
#define INLINE static inline __attribute__((always_inline)) TARGET

// Lines of a that are looked at.
enum { line_samples = 16 };

TARGET static size_t count_numbers(const float *line, size_t count) {
  size_t numbers = 0, i = 0;
  for (; i + lanes <= count; i += lanes) {
    __m256 x = _mm256_loadu_ps(line + i);
    __m256 is_number = _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_NEQ_UQ);
    numbers += (size_t)__builtin_popcount((unsigned)_mm256_movemask_ps(is_number));
  }
  for (; i < count; i++) numbers += line[i] != 0;
  return numbers;
}

bool hr_is_worth_skipping(hr_floats a, size_t m, size_t n, size_t k) {
  if (m == 0 || k == 0 || !__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
    return false;
  // A product of one number here takes as long as two of BLAS's at most, which with AVX-512 are twice as
  // fast; to put a number into a list, or not to, as long as some sixteen.
  double most = (__builtin_cpu_supports("avx512f") ? 0.3 : 0.6) - 16.0 / (double)n;
  if (most <= 0) return false;
  bool is_by_rows = a.column_step == 1;
  size_t lines = is_by_rows ? m : k, width = is_by_rows ? k : m;
  size_t step = is_by_rows ? a.row_step : a.column_step;
  size_t seen = least(lines, line_samples), numbers = 0;
  for (size_t i = 0; i < seen; i++)
    numbers += count_numbers(a.base + i * lines / seen * step, width);
  return (double)numbers <= most * (double)(seen * width);
}

/// For each set of lanes, these lanes in rising order, eight bits each.
static uint64_t lane_orders[256];
__attribute__((constructor)) static void fill_lane_orders(void) {
  for (unsigned mask = 0; mask < 256; mask++)
    for (unsigned lane = 0, count = 0; lane < lanes; lane++)
      if (mask >> lane & 1) lane_orders[mask] |= (uint64_t)lane << 8 * count++;
}

/// The first n lanes.
INLINE __m256i first_lanes(size_t n) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)least(n, lanes)), lane);
}
INLINE __m256 load(const float *x, size_t n) {
  return n >= lanes ? _mm256_loadu_ps(x) : _mm256_maskload_ps(x, first_lanes(n));
}

/// Adds what is not zero of eight numbers, which are at `place` and behind it, to a list.
INLINE void append(workspace *w, size_t list, __m256 x, uint32_t place) {
  __m256 is_number = _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_NEQ_UQ);
  unsigned mask = (unsigned)_mm256_movemask_ps(is_number);
  __m256i order = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)&lane_orders[mask]));
  uint32_t count = w->counts[list];
  _mm256_storeu_ps(&w->values[list][count], _mm256_permutevar8x32_ps(x, order));
  _mm256_storeu_si256((__m256i *)&w->places[list][count],
                      _mm256_add_epi32(order, _mm256_set1_epi32((int)place)));
  w->counts[list] = count + (uint32_t)__builtin_popcount(mask);
}

/// Transposes eight rows of eight numbers.
INLINE void transpose(__m256 x[lanes]) {
  __m256 t[lanes], u[lanes];
  for (int i = 0; i < lanes; i += 2) {
    t[i] = _mm256_unpacklo_ps(x[i], x[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(x[i], x[i + 1]);
  }
  for (int i = 0; i < lanes; i += 4)
    for (int j = 0; j < 2; j++) {
      u[i + 2 * j] = _mm256_shuffle_ps(t[i + j], t[i + j + 2], 0x44);
      u[i + 2 * j + 1] = _mm256_shuffle_ps(t[i + j], t[i + j + 2], 0xEE);
    }
  for (int i = 0; i < 4; i++) {
    x[i] = _mm256_permute2f128_ps(u[i], u[4 + i], 0x20);
    x[4 + i] = _mm256_permute2f128_ps(u[i], u[4 + i], 0x31);
  }
}

/// Eight rows of n numbers from `x` on, of which `rows` are there, transposed.
INLINE void load_transposed(__m256 out[lanes], const float *x, size_t step, size_t rows, size_t n) {
  for (size_t i = 0; i < lanes; i++)
    out[i] = i < rows ? load(x + i * step, n) : _mm256_setzero_ps();
  transpose(out);
}

/// Has n numbers from `x` on brought to the second cache: what another core wrote is far away.
INLINE void fetch(const float *x, size_t n) {
  for (size_t i = 0; i < n; i += 16) _mm_prefetch((const char *)(x + i), _MM_HINT_T1);
}

/// Lists of m rows of k numbers.
TARGET static void make_lists(workspace *w, hr_floats a, size_t m, size_t k) {
  memset(w->counts, 0, m * sizeof *w->counts);
  if (a.column_step == 1) {
    for (size_t r = 0; r < m; r++)
      for (size_t p = 0; p < k; p += lanes)
        append(w, r, load(a.base + r * a.row_step + p, k - p), (uint32_t)p);
    return;
  }
  // Two vectors are a line of the cache.
  for (size_t pair = 0; pair < m; pair += 2 * lanes)
    for (size_t p = 0; p < k; p += lanes)
      for (size_t r = pair; r < least(m, pair + 2 * lanes); r += lanes) {
        const float *from = a.base + r + p * a.column_step;
        if (r == pair)
          for (size_t i = 0; i < lanes; i++) fetch(from + i * a.column_step + 2 * lanes, 1);
        __m256 x[lanes];
        load_transposed(x, from, a.column_step, k - p, m - r);
        size_t rows = least(m - r, lanes);
        for (size_t i = 0; i < rows; i++) append(w, r + i, x[i], (uint32_t)p);
      }
}

/// Copies k rows of n numbers of b to where `vectors` of them are one row; zeros behind the last.
TARGET static void pack_chunk(float *out, hr_floats b, size_t k, size_t n, size_t vectors) {
  if (b.column_step == 1) {
    for (size_t p = 0; p < k; p++) {
      const float *row = b.base + p * b.row_step;
      fetch(row + 8 * b.row_step, n);
      for (size_t v = 0; v < vectors; v++)
        _mm256_store_ps(out + (p * vectors + v) * lanes, load(row + v * lanes, n - v * lanes));
    }
    return;
  }
  for (size_t v = 0; v < vectors; v++)
    for (size_t p = 0; p < k; p += lanes) {
      __m256 x[lanes];
      load_transposed(x, b.base + p + v * lanes * b.column_step, b.column_step, n - v * lanes,
                      k - p);
      size_t rows = least(k - p, lanes);
      for (size_t i = 0; i < rows; i++) _mm256_store_ps(out + ((p + i) * vectors + v) * lanes, x[i]);
    }
}

/// Sums of each list, in so many vectors of which the last has some lanes.
INLINE void sum_lists(const int vectors, float *c, size_t c_step, const workspace *w, size_t m,
                      __m256i last, bool is_added) {
  for (size_t r = 0; r < m; r++, c += c_step) {
    const float *values = w->values[r];
    const uint32_t *places = w->places[r];
    size_t count = w->counts[r];
    __m256 sums[chunk_vectors];
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++)
      sums[v] = !is_added          ? _mm256_setzero_ps()
                : v == vectors - 1 ? _mm256_maskload_ps(c + v * lanes, last)
                                   : _mm256_loadu_ps(c + v * lanes);
    for (size_t i = 0; i < count; i++) {
      const float *row = w->chunk + (size_t)places[i] * (size_t)(vectors * lanes);
      __m256 x = _mm256_broadcast_ss(values + i);
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v++)
        sums[v] = _mm256_fmadd_ps(x, _mm256_load_ps(row + v * lanes), sums[v]);
    }
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors - 1; v++) _mm256_storeu_ps(c + v * lanes, sums[v]);
    _mm256_maskstore_ps(c + (vectors - 1) * lanes, last, sums[vectors - 1]);
  }
}

typedef void sum_function(float *, size_t, const workspace *, size_t, __m256i, bool);
#define SUM_LISTS(V)                                                                              \
  TARGET static void sum_lists_##V(float *c, size_t c_step, const workspace *w, size_t m,         \
                                   __m256i last, bool is_added) {                                 \
    sum_lists(V, c, c_step, w, m, last, is_added);                                                \
  }
SUM_LISTS(1) SUM_LISTS(2) SUM_LISTS(3) SUM_LISTS(4)
SUM_LISTS(5) SUM_LISTS(6) SUM_LISTS(7) SUM_LISTS(8)
static sum_function *const sums_of_lists[chunk_vectors] = {
    sum_lists_1, sum_lists_2, sum_lists_3, sum_lists_4,
    sum_lists_5, sum_lists_6, sum_lists_7, sum_lists_8};

/// Makes a block of one product, whose lists are there: rows from `row` on, and k from p on.
TARGET static void multiply_block(workspace *w, hr_product x, size_t row, size_t rows, size_t p,
                                  size_t depth, bool is_added) {
  for (size_t column = 0; column < x.n; column += chunk_width) {
    size_t width = least(x.n - column, chunk_width), vectors = (width + lanes - 1) / lanes;
    hr_floats right = x.b;
    right.base += p * right.row_step + column * right.column_step;
    pack_chunk(w->chunk, right, depth, width, vectors);
    sums_of_lists[vectors - 1](x.c + row * x.c_step + column, x.c_step, w, rows,
                               first_lanes(width - (vectors - 1) * lanes), is_added);
  }
}

TARGET void hr_gemm_skipping(const hr_product *products, size_t count, hr_floats a, size_t m,
                             size_t k, bool is_added, float *scratch) {
  workspace *w = (workspace *)scratch;
  if (k == 0 && !is_added)
    for (size_t i = 0; i < count; i++)
      for (size_t r = 0; r < m; r++)
        memset(products[i].c + r * products[i].c_step, 0, products[i].n * sizeof(float));
  for (size_t row = 0; row < m; row += block_rows)
    for (size_t p = 0; p < k; p += block_depth) {
      size_t rows = least(m - row, block_rows), depth = least(k - p, block_depth);
      hr_floats left = a;
      left.base += row * a.row_step + p * a.column_step;
      make_lists(w, left, rows, depth);
      for (size_t i = 0; i < count; i++)
        multiply_block(w, products[i], row, rows, p, depth, is_added || p > 0);
    }
}
#else
bool hr_is_worth_skipping(hr_floats a, size_t m, size_t n, size_t k) { return false; }
void hr_gemm_skipping(const hr_product *products, size_t count, hr_floats a, size_t m, size_t k,
                      bool is_added, float *scratch) {}
#endif
