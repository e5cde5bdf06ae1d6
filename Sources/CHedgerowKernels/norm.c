#include "norm.h"
#include <string.h>
#include "dispatch.h"

#define T float
#define NAME(name) name##_f32
#include "norm_template.h"
#undef T
#undef NAME

#define T double
#define NAME(name) name##_f64
#include "norm_template.h"
