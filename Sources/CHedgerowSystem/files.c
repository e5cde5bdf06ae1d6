#include "CHedgerowSystem.h"
