/** How many inputs an operator cannot do without, at opset 13 to 21 (github.com/onnx/onnx, docs/Operators.md). */

const two =
  'Add And CastLike CenterCropPad Compress Conv ConvTranspose CumSum DequantizeLinear Div Equal Expand Gather ' +
  'GatherElements GatherND Gemm Greater GreaterOrEqual GridSample LayerNormalization Less LessOrEqual MatMul Mod ' +
  'Mul NegativeLogLikelihoodLoss Or PRelu Pad Pow QuantizeLinear Reshape ReverseSequence SoftmaxCrossEntropyLoss Sub ' +
  'Tile TopK Unsqueeze Xor'
const three = 'GroupNormalization InstanceNormalization OneHot Range ScatterElements ScatterND Slice Where'

const counts = new Map<string, number>([
  ...['Constant', 'RandomNormal', 'RandomUniform'].map((op) => [op, 0] as const),
  ...two.split(' ').map((op) => [op, 2] as const),
  ...three.split(' ').map((op) => [op, 3] as const),
  ['BatchNormalization', 5],
])

/** Inputs that must be there, counted from the first; operators of other domains are not known: none. */
export const requiredInputs = (op: string): number => counts.get(op) ?? (op.includes('::') ? 0 : 1)
