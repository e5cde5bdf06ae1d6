#include "dense.h"
#include <string.h>
#include "dispatch.h"
#include "stream.h"

#define T float
#define NAME(name) name##_f32
#define UNIT_BITS 24
#include "dense_template.h"
#undef T
#undef NAME
#undef UNIT_BITS

#define T double
#define NAME(name) name##_f64
#define UNIT_BITS 53
#include "dense_template.h"
