import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { embodiments } from '../../../envs/index.js'
import { decodePng } from '../../../policy/images/png.js'
import { loadMapping, type Mapping, parseMapping } from '../../../policy/index.js'
import { actionsOf, requestOf } from '../../../policy/remote/request.js'
import { EncodedImage, NdArray, type WireMap } from '../../../policy/wire/ndarray.js'
import { WireError } from '../../../policy/wire/wireError.js'
import { madeUpObservation } from '../../../scripts/peers/servers/askServer.js'

const robot = embodiments.get('widowx')!
const ask = (mapping: Mapping) => requestOf(mapping, robot, madeUpObservation(mapping, 0))
const numbers = (value: unknown) => [...((value as NdArray).data as Float32Array)]

describe('requests', () => {
  it("have the keys of openpi's LIBERO example, and its state", async () => {
    const request = await ask(loadMapping('openpi-libero'))
    expect(Object.keys(request).sort()).toEqual([
      ...['observation/image', 'observation/state', 'observation/wrist_image', 'prompt'],
    ])
    // Quarter turn about y; fingers in opposite directions.
    const state = numbers(request['observation/state'])
    for (const [i, x] of [0.25, -0.125, 0.5, 0, Math.PI / 2, 0, 0.03125, -0.03125].entries())
      expect(state[i]).toBeCloseTo(x, 6)
    const image = request['observation/image'] as NdArray
    expect([image.dtype, image.shape]).toEqual(['u1', [224, 224, 3]])
    const row = 3 * 224
    expect(image.data.subarray(0, 28 * row).some((x) => Number(x) > 0)).toBe(false)
    expect(image.data.subarray(196 * row).some((x) => Number(x) > 0)).toBe(false)
    expect(image.data.subarray(28 * row, 29 * row)).toEqual(
      madeUpObservation(loadMapping('openpi-libero'), 0).image.subarray(0, row),
    )
    expect((request['observation/wrist_image'] as NdArray).data.every((x) => x === 0)).toBe(true)
  })

  it("nest as StarVLA's", async () => {
    const mapping = loadMapping('starvla-simpler')
    const { examples, ...rest } = await ask(mapping)
    expect(rest).toEqual({ do_sample: false, use_ddim: true, num_ddim_steps: 10, unnorm_key: 'oxe_bridge' })
    const [{ image, lang, ...others }] = examples as unknown as [{ image: unknown[]; lang: string }]
    expect([image.length, image[0] instanceof NdArray, lang, others]).toEqual([
      ...[1, true, 'put carrot on plate', {}],
    ])
    // Nothing of one request is in the next.
    expect(mapping.constants).not.toHaveProperty('examples')
  })

  it("are vla-eval's, with a PNG and a wxyz quaternion", async () => {
    const { images, states, task_description } = await ask(loadMapping('vla-eval-simpler'))
    const { primary } = images as { primary: EncodedImage } & WireMap
    expect(primary).toBeInstanceOf(EncodedImage)
    expect(decodePng(primary.bytes)).toMatchObject({ width: 640, height: 480 })
    expect(task_description).toBe('put carrot on plate')
    const [w, x, y, z, opening] = numbers(states).slice(3)
    expect([w, y]).toEqual([Math.fround(Math.SQRT1_2), Math.fround(Math.SQRT1_2)])
    expect([x, z, opening]).toEqual([0, 0, 6 / 16])
  })

  it('put channels first where they are wanted', async () => {
    const mapping = { ...loadMapping('openpi-aloha') }
    const observation = madeUpObservation(mapping, 0)
    const { images } = await requestOf(mapping, robot, observation)
    const image = (images as { cam_high: NdArray } & WireMap).cam_high
    expect(image.shape).toEqual([3, 224, 224])
    for (const [c, x, y] of [
      [0, 3, 40],
      [2, 200, 150],
    ])
      expect(image.data[c * 224 * 224 + y * 224 + x]).toBe(observation.image[3 * ((y - 28) * 224 + x) + c])
  })

  it('hold every part of a state', async () => {
    const layout = ['state', 'closedness', 'joints', { zeros: 2 }]
    const mapping = parseMapping(
      {
        embodiment: 'widowx',
        images: [{ key: 'i', width: 8, height: 6 }],
        state: { key: 's', layout },
        instruction: 'p',
        actions: { layout: ['action'] },
        executedSteps: 1,
      },
      'parts',
    )
    const { state, joints } = madeUpObservation(mapping, 0)
    expect(numbers((await ask(mapping)).s)).toEqual([
      ...state,
      1 - state[6],
      ...Array.from(joints).slice(0, 6),
      0,
      0,
    ])
  })
})

const answer = (shape: number[], data: number[]) => ({ shape, data: Float32Array.from(data) })

describe('answers', () => {
  const starvla = loadMapping('starvla-simpler')
  const steps = starvla.executedSteps

  it('become rotation vectors and gripper commands', () => {
    const row = [0.01, -0.02, 0.03, 0.1, 0, 0, 0.6]
    const closed = [0, 0, 0, 0, 0, 0.2, 0.5]
    const actions = actionsOf(starvla, robot, answer([1, 4, 7], [...row, ...closed, ...row, ...closed]))
    for (const [i, x] of [0.01, -0.02, 0.03, 0.1, 0, 0, 1].entries()) expect(actions[i]).toBeCloseTo(x, 6)
    // SimplerEnv closes unless the number is above one half.
    expect(actions[13]).toBe(-1)
    expect(actions[12]).toBeCloseTo(0.2, 6)
  })

  it("of LIBERO's conventions are scaled, and close at +1", () => {
    const libero = loadMapping('openpi-libero')
    const row = [1, -1, 0.5, 0, 0, 1, 1]
    const actions = actionsOf(libero, robot, answer([5, 7], Array(5).fill(row).flat()))
    for (const [i, x] of [0.05, -0.05, 0.025, 0, 0, 0.5, -1].entries()) expect(actions[i]).toBeCloseTo(x, 6)
  })

  it('of finite numbers stay in the box of the robot, whatever they are', () => {
    const number = fc.float({ noNaN: true, noDefaultInfinity: true })
    fc.assert(
      fc.property(fc.array(number, { minLength: 7 * steps, maxLength: 7 * steps }), (data) => {
        const actions = actionsOf(starvla, robot, answer([steps, 7], data))
        for (const [i, x] of actions.entries())
          expect(Math.abs(x)).toBeLessThanOrEqual(i % 7 < 3 || i % 7 === 6 ? 1 : Math.fround(Math.PI / 2))
      }),
    )
  })

  it.each<[string, number[], RegExp]>([
    ['too few channels', [4, 6], /shape \[4, 6\], the mapping reads \[steps, 7\]/],
    ['two robots', [2, 4, 7], /shape \[2, 4, 7\]/],
    ['no shape', [], /shape \[\]/],
    ['too few steps', [3, 7], /3 actions a request, the mapping executes 4/],
    ['no steps', [0, 7], /0 actions/],
  ])('with %s are refused', (_, shape, message) => {
    const size = shape.reduce((a, b) => a * b, 1)
    const read = () => actionsOf(starvla, robot, answer(shape, Array(size).fill(0)))
    expect(read).toThrow(message)
    expect(read).toThrow(WireError)
  })

  it('whose columns are no rotation are refused', () => {
    const layout = ['position', 'rot6d', 'gripper']
    const mapping = { ...starvla, executedSteps: 1, actions: { ...starvla.actions, layout } } as Mapping
    expect(() => actionsOf(mapping, robot, answer([10], Array(10).fill(0)))).toThrow(
      /rot6d .* is no rotation/,
    )
  })
})
