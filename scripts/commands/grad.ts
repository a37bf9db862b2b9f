import { realpathSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { UserError, unknownId } from '@vla-gym/gymnasium'
import {
  differentiate,
  elementCount,
  gradientName,
  isFloat,
  type Model,
  readModel,
  writeModel,
} from '@vla-gym/onnx-grad'
import { Command } from 'commander'
import { InferenceSession } from 'onnxruntime-node'
import { printResult } from '../options.js'

interface GradOptions {
  readonly loss: string
  readonly wrt: readonly string[]
  readonly out: string
  readonly json?: boolean
}

export function gradCommand(): Command {
  return new Command('grad')
    .description('add the gradients of a scalar output to an ONNX model, in standard operators')
    .argument('<model>', 'the .onnx file')
    .requiredOption('--loss <name>', 'the output to differentiate: one number')
    .requiredOption(
      '--wrt <names>',
      'inputs and weights to differentiate by, separated by commas; * and ? stand for any characters',
      (names: string) => names.split(','),
    )
    .requiredOption('--out <file>', "the .onnx file to write; its new outputs are called 'grad.<name>'")
    .option('--json', 'print the result as one JSON line on stdout')
    .action(async (path: string, options: GradOptions) => {
      const { model, files } = readModel(path)
      if (files.some((file) => sameFile(file, options.out) || sameFile(file, `${options.out}.data`)))
        throw new UserError(`--out ${options.out} would overwrite ${path}: choose another name`)
      const result = namingFile(path, () => gradientModel(model, options))
      const written = await writeModel(options.out, result.model, {
        verify: (file) => verify(file, path),
      })
      const folder = dirname(options.out)
      const sizes = written.map((file) => statSync(join(folder, file)).size)
      for (const name of result.constant)
        process.stderr.write(
          `warning: '${options.loss}' does not depend on '${name}', so its gradient is zero\n`,
        )
      const report = {
        model: path,
        loss: options.loss,
        wrt: result.wrt,
        independent: result.constant,
        elements: result.elements,
        nodes: { before: model.nodes.length, after: result.model.nodes.length },
        opset: { before: model.opset, after: result.model.opset },
        files: written.map((file) => join(folder, file)),
        bytes: sizes.reduce((a, b) => a + b, 0),
      }
      printResult(options.json, report, describe(report))
    })
}

interface Report {
  readonly loss: string
  readonly wrt: readonly string[]
  readonly elements: number | undefined
  readonly nodes: { readonly before: number; readonly after: number }
  readonly opset: { readonly before: number; readonly after: number }
  readonly files: readonly string[]
  readonly bytes: number
}

const describe = ({ loss, wrt, elements, nodes, opset, files, bytes }: Report): string =>
  [
    `gradients of '${loss}': ${wrt.length} outputs${elements === undefined ? '' : `, ${elements.toLocaleString('en')} numbers`}`,
    ...wrt.map((name) => `  ${gradientName(name)}`),
    `nodes ${nodes.before} -> ${nodes.after}, opset ${opset.before} -> ${opset.after}`,
    `wrote ${files.join(', ')} (${(bytes / 1e6).toFixed(2)} MB), loaded in onnxruntime`,
  ].join('\n')

function gradientModel(model: Model, { loss, wrt: patterns }: GradOptions) {
  const outputs = model.outputs.map((output) => output.name)
  if (!outputs.includes(loss)) throw unknownId('output', loss, outputs)
  const wrt = chooseNames(model, patterns)
  const result = differentiate(model, { loss, wrt })
  const shapes = wrt.map((name) => model.initializers.get(name)?.shape)
  return {
    model: result,
    wrt,
    constant: wrt.filter((name) => isZero(result, gradientName(name))),
    /** Undefined when inputs are among them, whose size is not fixed. */
    elements: shapes.every((shape) => shape)
      ? shapes.reduce((sum, shape) => sum + elementCount(shape!), 0)
      : undefined,
  }
}

/** Inputs and weights by name or pattern, in the order asked for; patterns choose among floats only. */
function chooseNames(model: Model, patterns: readonly string[]): string[] {
  const known = [...model.inputs.map((input) => input.name), ...model.initializers.keys()]
  const floats = [
    ...model.inputs.filter((input) => isFloat(input.dtype)).map((input) => input.name),
    ...[...model.initializers].filter(([, tensor]) => isFloat(tensor.dtype)).map(([name]) => name),
  ]
  const chosen = new Set<string>()
  for (const pattern of patterns) {
    const names = known.includes(pattern) ? [pattern] : floats.filter(matcher(pattern))
    if (names.length === 0) throw unknownId('float input or weight', pattern, floats)
    for (const name of names) chosen.add(name)
  }
  return [...chosen]
}

function matcher(pattern: string): (name: string) => boolean {
  const parts = pattern.split(/([*?])/).map((part) => {
    if (part === '*') return '.*'
    return part === '?' ? '.' : part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  })
  const expression = new RegExp(`^${parts.join('')}$`, 's')
  return (name) => expression.test(name)
}

/** Whether an output is a constant zero that is only given its shape. */
function isZero(model: Model, name: string): boolean {
  const producers = new Map(model.nodes.flatMap((node) => node.outputs.map((output) => [output, node])))
  let node = producers.get(name)
  let source = name
  while (node && ['Identity', 'Expand', 'Reshape', 'Cast'].includes(node.op)) {
    source = node.inputs[0]
    node = producers.get(source)
  }
  return (
    !node && (model.initializers.get(source)?.data.every((x: number | bigint) => Number(x) === 0) ?? false)
  )
}

/** onnxruntime itself must be able to run what was made. */
async function verify(file: string, source: string): Promise<void> {
  try {
    await (await load(file)).release()
  } catch (error) {
    const why = (error as Error).message
    const before = await load(source).then(
      (session) => session.release().then(() => true),
      () => false,
    )
    const known = before ? 'though it loads' : 'nor does it load'
    throw new UserError(`onnxruntime does not load the model with gradients (${why}), ${known} ${source}`)
  }
}

const load = (file: string): Promise<InferenceSession> =>
  InferenceSession.create(file, { executionProviders: ['cpu'], logSeverityLevel: 4 })

/** Errors of a model say in which file it is. */
function namingFile<T>(path: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    if (error instanceof UserError) throw new UserError(`${path}: ${error.message}`)
    throw error
  }
}

function sameFile(a: string, b: string): boolean {
  try {
    return realpathSync(a) === realpathSync(b)
  } catch {
    return resolve(a) === resolve(b)
  }
}
