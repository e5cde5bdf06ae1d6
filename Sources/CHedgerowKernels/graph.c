#include "graph.h"
#include "segments.h"
#include <math.h>
#include <string.h>
#include "dispatch.h"
#include "halves.h"
#include "lanes.h"
#include "vector_math.h"

// Edges between the one being summed and the one whose row is fetched.
#define AHEAD 8
#define SOURCE(e) (size_t)(sources ? sources[e] : (e))

HR_CLONES bool hr_indices_are_valid(const uint32_t *rows, size_t count, uint32_t bound) {
  unsigned outside = 0;
  for (size_t i = 0; i < count; i++) outside |= rows[i] >= bound;
  return !outside;
}

HR_CLONES bool hr_indices_rise(const uint32_t *rows, size_t count, uint32_t bound) {
  unsigned falls = 0;
  for (size_t i = 1; i < count; i++) falls |= rows[i - 1] >= rows[i];
  return !falls && (count == 0 || rows[count - 1] < bound);
}

HR_CLONES bool hr_offsets_are_valid(const uint32_t *offsets, size_t rows) {
  unsigned falls = 0;
  for (size_t r = 0; r < rows; r++) falls |= offsets[r] > offsets[r + 1];
  return offsets[0] == 0 && !falls;
}

bool hr_rows_are_valid(const uint32_t *offsets, const uint32_t *sources, size_t rows,
                       uint32_t bound) {
  return hr_offsets_are_valid(offsets, rows) &&
         hr_indices_are_valid(sources, offsets[rows], bound);
}

// Edges whose weights are made again at a time.
#define EDGES 64
#define MOST_HEADS hr_most_heads
// Columns that are summed at a time where sums are not in registers.
#define COLUMNS 64

#define ROW T
#define ELEMENT(x) (x)
#define widen_f32 load_f32
#define widen_f64 load_f64

#define T double
#define NAME(name) name##_f64
#define FULL NAME
#include "graph_template.h"
#include "attention_template.h"
#include "segments_template.h"
#undef STRETCH
#undef LANES
#undef UNROLLED
#undef T
#undef NAME
#undef FULL

#define T float
#define NAME(name) name##_f32
#define FULL NAME
#include "graph_template.h"
#include "attention_template.h"
#include "segments_template.h"
#undef STRETCH
#undef LANES
#undef UNROLLED
#undef NAME
#undef FULL
#undef ROW
#undef ELEMENT

#define HALVES
#define FULL(name) name##_f32
#define ROW uint16_t
#define lanes_bf16 lanes_f32
#define add_lanes_bf16 add_lanes_f32
#define ELEMENT bfloat_to_float
#define NAME(name) name##_bf16
#include "graph_template.h"
#include "attention_template.h"
#undef STRETCH
#undef LANES
#undef UNROLLED
#undef ELEMENT
#undef NAME

#define lanes_f16 lanes_f32
#define add_lanes_f16 add_lanes_f32
#define ELEMENT half_to_float
#define NAME(name) name##_f16
#include "graph_template.h"
#include "attention_template.h"
