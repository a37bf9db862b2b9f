/** Operators that work element by element, on operands that broadcast. */
import { intAttribute } from '../attributes.js'
import { dtypeOfOnnx } from '../codec.js'
import { broadcastAll, forAll, like, type Rule, requireOneType, same, sameAsBool } from './rule.js'

const arithmetic: Rule = (rule) => {
  requireOneType(rule, rule.inputs)
  return broadcastAll(rule, rule.inputs, rule.inputs[0].dtype)
}
const comparison: Rule = (rule) => [{ ...arithmetic(rule)![0], dtype: 'bool' }]
/** Only the first operand decides type (Pow) or shape (PRelu broadcasts its slope one way). */
const power: Rule = (rule) => broadcastAll(rule, rule.inputs, rule.inputs[0].dtype)
const prelu: Rule = (rule) => {
  requireOneType(rule, rule.inputs)
  broadcastAll(rule, rule.inputs, rule.inputs[0].dtype)
  return same(rule)
}

const select: Rule = (rule) => {
  const [condition, a, b] = rule.inputs
  if (condition.dtype !== 'bool') throw rule.fail(`the condition '${condition.name}' is ${condition.dtype}`)
  requireOneType(rule, [a, b])
  return broadcastAll(rule, rule.inputs, a.dtype)
}

export const elementwise: Record<string, Rule> = {
  ...forAll('Neg Sqrt Exp Log Abs Reciprocal Sign Floor Ceil Round Clip Identity Not BitwiseNot', same),
  ...forAll('Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh Erf Tanh Sigmoid Relu Gelu', same),
  ...forAll(
    'LeakyRelu Elu Selu Celu Mish Swish ThresholdedRelu Softplus Softsign HardSigmoid HardSwish',
    same,
  ),
  ...forAll('Softmax LogSoftmax Hardmax Shrink', same),
  ...forAll('Add Sub Mul Div Min Max Sum Mean Mod And Or Xor BitwiseAnd BitwiseOr BitwiseXor', arithmetic),
  ...forAll('Equal Less Greater LessOrEqual GreaterOrEqual', comparison),
  ...forAll('IsNaN IsInf', sameAsBool),
  Pow: power,
  PRelu: prelu,
  Where: select,
  Cast: ({ node, inputs, where }) => [like(inputs[0], dtypeOfOnnx(intAttribute(node, 'to', 0), where))],
  CastLike: ({ inputs }) => [like(inputs[0], inputs[1].dtype)],
  Dropout: ({ inputs }) => [like(inputs[0]), like(inputs[0], 'bool')],
}
