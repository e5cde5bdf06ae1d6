#include "dense.h"
#include <math.h>
#include <string.h>
#include "dispatch.h"
#include "stream.h"

#define T float
#define NAME(name) name##_f32
#define EXP expf
#define LOG logf
#define UNIT_BITS 24
#include "dense_template.h"
#undef T
#undef NAME
#undef EXP
#undef LOG
#undef UNIT_BITS

#define T double
#define NAME(name) name##_f64
#define EXP exp
#define LOG log
#define UNIT_BITS 53
#include "dense_template.h"
