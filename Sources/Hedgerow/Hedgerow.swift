// Everything that an app needs, under one import.
@_exported public import HedgerowCore
@_exported public import HedgerowExport
@_exported public import HedgerowGNN
@_exported public import HedgerowGraph
@_exported public import HedgerowIngest
@_exported public import HedgerowLoader
@_exported public import HedgerowMapped
@_exported public import HedgerowNN
@_exported public import HedgerowRoaring
@_exported public import HedgerowSampling
@_exported public import HedgerowStore
@_exported public import HedgerowTensor
@_exported public import HedgerowTraining
