#include "gemm.h"
#include <string.h>

// Source: Goto and van de Geijn, Anatomy of High-Performance Matrix Multiplication, 2008.

// A tile of the result has 8 rows of 3 vectors: 24 sums, which with 3 vectors of the right factor and
// one broadcast pair of the left one fill the 32 registers, and hide the instruction's latency.
enum { tile_rows = 8, lanes = 16, panel_vectors = 3, panel_width = lanes * panel_vectors };
// A block of the left factor, 300 KiB, stays in the second cache, beside the panels that pass by.
enum { block_rows = 192, block_depth = 768 };

static inline size_t least(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t even(size_t k) { return (k + 1) & ~(size_t)1; }

size_t hr_gemm_bf16_panels(size_t n) { return (n + panel_width - 1) / panel_width; }

size_t hr_gemm_bf16_packed_count(size_t k, size_t n) {
  return even(k) * ((n + lanes - 1) / lanes * lanes);
}

static inline size_t share(size_t n, size_t limit) {
  size_t parts = (n + limit - 1) / limit;
  return parts == 0 ? 0 : (n + parts - 1) / parts;
}
/// Columns of a and rows of b that are summed at once: equal shares of k, even.
static size_t depth_of_blocks(size_t k) { return even(share(k, block_depth)); }
/// Rows of a that are packed at once: equal shares of m, of whole vectors.
static size_t rows_of_blocks(size_t m) {
  return (share(m, block_rows) + lanes - 1) / lanes * lanes;
}

/// From row to row of a block of the left factor: no power of two, which would crowd few cache sets.
static size_t step_of_rows(size_t depth) { return (depth + 31) / 32 * 32 + 32; }

size_t hr_gemm_bf16_scratch_count(size_t m, size_t k) {
  return rows_of_blocks(m) * step_of_rows(depth_of_blocks(k));
}

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#define INLINE static inline __attribute__((always_inline)) TARGET

bool hr_gemm_bf16_is_supported(void) {
  return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

/// 32 bits for each of the first n lanes.
INLINE __mmask32 mask32(size_t n) { return n >= 32 ? ~0u : (1u << n) - 1; }
INLINE __mmask16 mask16(size_t n) { return (__mmask16)mask32(least(n, 16)); }

/// The next 32 numbers of a row that has n left; 0 behind them.
INLINE __m512i next32(const void *row, bool is_bfloat16, size_t n) {
  if (is_bfloat16) return _mm512_maskz_loadu_epi16(mask32(n), row);
  const float *x = row;
  if (n >= 32)
    return (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + 16), _mm512_loadu_ps(x));
  __m512 low = _mm512_maskz_loadu_ps(mask16(n), x);
  __m512 high = n > 16 ? _mm512_maskz_loadu_ps(mask16(n - 16), x + 16) : _mm512_setzero_ps();
  return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

/// Pairs of the next 16 numbers of two rows that have n left; a row may be missing.
INLINE __m512i next_pairs(const void *row, const void *below, bool is_bfloat16, size_t n) {
  const __mmask16 mask = mask16(n);
  __m512i halves;
  if (is_bfloat16) {
    __m256i low = _mm256_maskz_loadu_epi16(mask, row);
    __m256i high = below ? _mm256_maskz_loadu_epi16(mask, below) : _mm256_setzero_si256();
    halves = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  } else {
    __m512 low = _mm512_maskz_loadu_ps(mask, row);
    __m512 high = below ? _mm512_maskz_loadu_ps(mask, below) : _mm512_setzero_ps();
    halves = (__m512i)_mm512_cvtne2ps_pbh(high, low);
  }
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24,
                                         8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, halves);
}

/// Transposes 16 rows of 16 pairs.
INLINE void transpose(__m512i x[16]) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
  }
  for (int i = 0; i < 16; i += 4)
    for (int j = 0; j < 2; j++) {
      x[i + 2 * j] = _mm512_unpacklo_epi64(t[i + j], t[i + j + 2]);
      x[i + 2 * j + 1] = _mm512_unpackhi_epi64(t[i + j], t[i + j + 2]);
    }
  // x[4 g + j] has, in its quarter q, pair 4 q + j of rows 4 g to 4 g + 3.
  for (int j = 0; j < 4; j++) {
    __m512i a = _mm512_shuffle_i32x4(x[j], x[4 + j], 0x44),
            b = _mm512_shuffle_i32x4(x[j], x[4 + j], 0xEE);
    __m512i c = _mm512_shuffle_i32x4(x[8 + j], x[12 + j], 0x44),
            d = _mm512_shuffle_i32x4(x[8 + j], x[12 + j], 0xEE);
    t[j] = _mm512_shuffle_i32x4(a, c, 0x88);
    t[4 + j] = _mm512_shuffle_i32x4(a, c, 0xDD);
    t[8 + j] = _mm512_shuffle_i32x4(b, d, 0x88);
    t[12 + j] = _mm512_shuffle_i32x4(b, d, 0xDD);
  }
  for (int i = 0; i < 16; i++) x[i] = t[i];
}

static inline size_t byte_count(hr_factor x) { return x.is_bfloat16 ? 2 : 4; }

static inline const char *element(hr_factor x, size_t row, size_t column) {
  return (const char *)x.base + (row * x.row_step + column * x.column_step) * byte_count(x);
}

/// Packs n columns from `column` on of b, whose rows stand together.
TARGET static void pack_panel(uint16_t *out, size_t out_step, hr_factor b, size_t k, size_t column,
                              size_t n) {
  for (size_t p = 0; p < k; p += 2)
    for (size_t c = 0; c < n; c += lanes) {
      const char *below = p + 1 < k ? element(b, p + 1, column + c) : NULL;
      __m512i pairs = next_pairs(element(b, p, column + c), below, b.is_bfloat16, n - c);
      _mm512_store_si512(out + p / 2 * out_step + c * 2, pairs);
    }
}

/// Packs n columns from `column` on of b, at most 16, each of which stands together.
TARGET static void pack_columns(uint16_t *out, size_t out_step, hr_factor b, size_t k,
                                size_t column, size_t n) {
  for (size_t p = 0; p < k; p += 32) {
    __m512i x[16];
    for (size_t c = 0; c < 16; c++)
      x[c] = c < n ? next32(element(b, p, column + c), b.is_bfloat16, k - p)
                   : _mm512_setzero_si512();
    transpose(x);
    size_t pairs = least((k - p + 1) / 2, 16);
    for (size_t i = 0; i < pairs; i++) _mm512_store_si512(out + (p / 2 + i) * out_step, x[i]);
  }
}

TARGET void hr_gemm_bf16_pack(uint16_t *packed, hr_factor b, size_t k, size_t n, size_t first,
                              size_t end) {
  for (size_t panel = first; panel < end; panel++) {
    size_t column = panel * panel_width, width = least(n - column, panel_width);
    size_t step = (width + lanes - 1) / lanes * lanes * 2;
    uint16_t *out = packed + even(k) * column;
    if (b.column_step == 1)
      pack_panel(out, step, b, k, column, width);
    else
      for (size_t c = 0; c < width; c += lanes)
        pack_columns(out + c * 2, step, b, k, column + c, least(width - c, lanes));
  }
}

/// Where a block of the left factor has its pairs, in numbers.
typedef struct {
  const uint16_t *base;
  size_t tile_step, row_step, pair_step;
} block;

/// Packs a block of rows that stand together: rounded, row by row.
TARGET static block pack_rows(uint16_t *out, hr_factor a, size_t m, size_t k) {
  size_t step = step_of_rows(k), size = byte_count(a);
  for (size_t r = 0; r < m; r++) {
    const char *row = element(a, r, 0);
    for (size_t p = 0; p < k; p += 32)
      _mm512_store_si512(out + r * step + p, next32(row + p * size, a.is_bfloat16, k - p));
  }
  return (block){out, tile_rows * step, step, 2};
}

/// Packs a block of columns that stand together: for each tile, pairs of all of its rows.
TARGET static block pack_pairs(uint16_t *out, hr_factor a, size_t m, size_t k) {
  size_t tile = even(k) * tile_rows;
  for (size_t p = 0; p < k; p += 2)
    for (size_t r = 0; r < m; r += 16) {
      const char *below = p + 1 < k ? element(a, r, p + 1) : NULL;
      __m512i x = next_pairs(element(a, r, p), below, a.is_bfloat16, m - r);
      uint16_t *to = out + r / tile_rows * tile + p * tile_rows;
      _mm256_store_si256((__m256i *)to, _mm512_castsi512_si256(x));
      _mm256_store_si256((__m256i *)(to + tile), _mm512_extracti64x4_epi64(x, 1));
    }
  return (block){out, tile, 2, tile_rows * 2};
}

/// One tile of the result, of `rows` rows and `vectors` vectors, the last of them masked.
INLINE void tile(const int rows, const int vectors, float *c, size_t c_step, const uint16_t *a,
                 size_t row_step, size_t pair_step, const uint16_t *b, size_t pairs, __mmask16 last,
                 bool is_added) {
  __m512 sums[tile_rows][panel_vectors];
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) {
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      sums[r][v] = _mm512_setzero_ps();
      _mm_prefetch((const char *)(c + r * c_step + v * lanes), _MM_HINT_T0);
    }
  }
  for (size_t p = 0; p < pairs; p++, a += pair_step, b += vectors * lanes * 2) {
    __m512bh right[panel_vectors];
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) right[v] = (__m512bh)_mm512_load_si512(b + v * lanes * 2);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
      int pair;
      memcpy(&pair, a + r * row_step, sizeof pair);
      const __m512bh left = (__m512bh)_mm512_set1_epi32(pair);
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v++) sums[r][v] = _mm512_dpbf16_ps(sums[r][v], left, right[v]);
    }
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) {
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      float *to = c + r * c_step + v * lanes;
      const __mmask16 mask = v == vectors - 1 ? last : 0xFFFF;
      __m512 sum = sums[r][v];
      if (is_added) sum = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, to), sum);
      _mm512_mask_storeu_ps(to, mask, sum);
    }
  }
}

typedef void tile_function(float *, size_t, const uint16_t *, size_t, size_t, const uint16_t *,
                           size_t, __mmask16, bool);
#define TILE(R, V)                                                                                \
  TARGET static void tile_##R##_##V(float *c, size_t c_step, const uint16_t *a, size_t row_step,  \
                                    size_t pair_step, const uint16_t *b, size_t pairs,            \
                                    __mmask16 last, bool is_added) {                              \
    tile(R, V, c, c_step, a, row_step, pair_step, b, pairs, last, is_added);                      \
  }
#define TILES(V) \
  TILE(1, V) TILE(2, V) TILE(3, V) TILE(4, V) TILE(5, V) TILE(6, V) TILE(7, V) TILE(8, V)
TILES(1) TILES(2) TILES(3)
#define ROW(V)                                                                                    \
  { tile_1_##V, tile_2_##V, tile_3_##V, tile_4_##V, tile_5_##V, tile_6_##V, tile_7_##V, tile_8_##V }
static tile_function *const tiles[panel_vectors][tile_rows] = {ROW(1), ROW(2), ROW(3)};

TARGET void hr_gemm_bf16(float *c, size_t c_step, hr_factor a, const uint16_t *packed, size_t m,
                         size_t n, size_t k, size_t first, size_t end, bool is_added,
                         uint16_t *scratch) {
  size_t columns = least(n, end * panel_width) - least(n, first * panel_width);
  if (k == 0 && !is_added)
    for (size_t r = 0; r < m; r++)
      memset(c + r * c_step + first * panel_width, 0, columns * sizeof(float));
  size_t height = rows_of_blocks(m), depth = depth_of_blocks(k);
  for (size_t row = 0; row < m; row += height)
    for (size_t p = 0; p < k; p += depth) {
      size_t rows = least(m - row, height), width = least(k - p, depth);
      hr_factor part = {element(a, row, p), a.row_step, a.column_step, a.is_bfloat16};
      block left = a.column_step == 1 ? pack_rows(scratch, part, rows, width)
                                      : pack_pairs(scratch, part, rows, width);
      for (size_t panel = first; panel < end; panel++) {
        size_t column = panel * panel_width, wide = least(n - column, panel_width);
        size_t vectors = (wide + lanes - 1) / lanes;
        const uint16_t *right = packed + even(k) * column + p * vectors * lanes;
        __mmask16 last = mask16(wide - (vectors - 1) * lanes);
        for (size_t r = 0; r < rows; r += tile_rows)
          tiles[vectors - 1][least(rows - r, tile_rows) - 1](
              c + (row + r) * c_step + column, c_step, left.base + r / tile_rows * left.tile_step,
              left.row_step, left.pair_step, right, even(width) / 2, last, is_added || p > 0);
      }
    }
}
#else
bool hr_gemm_bf16_is_supported(void) { return false; }
void hr_gemm_bf16_pack(uint16_t *packed, hr_factor b, size_t k, size_t n, size_t first, size_t end) {}
void hr_gemm_bf16(float *c, size_t c_step, hr_factor a, const uint16_t *packed, size_t m, size_t n,
                  size_t k, size_t first, size_t end, bool is_added, uint16_t *scratch) {}
#endif
