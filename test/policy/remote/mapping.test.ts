import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '@vla-gym/gymnasium'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadMapping, mappingNames, parseMapping, renderSpec } from '../../../policy/index.js'

const valid = () => ({
  embodiment: 'widowx',
  images: [{ key: 'image', width: 224, height: 224 }] as Record<string, unknown>[],
  state: { key: 'state', layout: ['position', 'euler', 'opening'] as unknown[] },
  instruction: 'prompt' as unknown,
  actions: { layout: ['position', 'rot6d', 'gripper'] as unknown[], gripper: undefined as unknown },
  executedSteps: 5,
})

describe('mappings', () => {
  it('come with the project, and can be loaded', () => {
    expect(mappingNames()).toEqual(['openpi-aloha', 'openpi-libero', 'starvla-simpler', 'vla-eval-simpler'])
    for (const name of mappingNames()) expect(loadMapping(name).name).toBe(name)
  })

  it('have defaults', () => {
    const mapping = parseMapping(valid(), 'mine')
    expect(mapping.images[0]).toMatchObject({ camera: 'main', fit: 'pad', axes: 'hwc', encoding: 'raw' })
    expect(mapping.actions).toMatchObject({ positionScale: 1, rotationScale: 1 })
    expect(mapping.actions.gripper).toEqual({ closed: -1, open: 1, binary: false })
    expect(mapping.constants).toEqual({})
  })

  it.each<[string, (m: ReturnType<typeof valid>) => unknown, RegExp]>([
    ['no map', () => [], /mapping mine: must be a map/],
    ['an unknown field', (m) => ({ ...m, imagse: [] }), /mapping mine: .*'imagse'.*images/],
    ['no embodiment', (m) => ({ ...m, embodiment: undefined }), /embodiment must be a text, got nothing/],
    ['a protocol', (m) => ({ ...m, protocol: 'http' }), /protocol must be 'openpi' or 'vla-eval'/],
    ['a width', (m) => (m.images[0].width = 0.5) && m, /images\[0\] width must be a whole number/],
    ['a crop', (m) => (m.images[0].crop = [600, 0, 100, 100]) && m, /images\[0\] crop .*640x480/],
    [
      'chw of a PNG',
      (m) => Object.assign(m.images[0], { axes: 'chw', encoding: 'png' }) && m,
      /axes 'chw' is for raw/,
    ],
    [
      'two sizes',
      (m) => m.images.push({ key: 'b', width: 100, height: 224 }) && m,
      /images pictures of camera 'main'/,
    ],
    [
      'a part',
      (m) => m.state.layout.push('quaternion') && m,
      /state layout\[3\] .*'quaternion'.*quaternion-xyzw/,
    ],
    [
      'two rotations',
      (m) => m.actions.layout.push('euler') && m,
      /actions layout must have 'action', or one/,
    ],
    [
      'a gripper',
      (m) => (m.actions.gripper = { closed: 1, open: 1 }) && m,
      /gripper closed and open must differ/,
    ],
    ['no steps', (m) => ({ ...m, executedSteps: 0 }), /executedSteps must be a whole number from 1/],
    ['a key', (m) => (m.instruction = ['a', -1]) && m, /instruction must be a key/],
    ['a dangerous key', (m) => (m.instruction = ['a', '__proto__']) && m, /instruction must be a key/],
  ])('with %s are refused in one line', (_, change, message) => {
    const broken = () => parseMapping(change(valid()), 'mine')
    expect(broken).toThrow(message)
    expect(broken).toThrow(UserError)
  })

  it('that are anything else are refused too', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(...Object.keys(valid())), (value, field) => {
        try {
          parseMapping({ ...valid(), [field]: value }, 'mine')
        } catch (error) {
          expect(error).toBeInstanceOf(UserError)
          expect((error as Error).message).not.toContain('\n')
        }
      }),
    )
  })

  it('are read from files; names and files that are not there are named', () => {
    const dir = mkdtempSync(join(tmpdir(), 'mapping-'))
    const file = join(dir, 'mine.json')
    writeFileSync(file, JSON.stringify(valid()))
    expect(loadMapping(file).executedSteps).toBe(5)
    writeFileSync(file, '{')
    expect(() => loadMapping(file)).toThrow(/mapping .*mine\.json: /)
    rmSync(dir, { recursive: true })
    expect(() => loadMapping(file)).toThrow(/does not exist/)
    expect(() => loadMapping('openpi-libro')).toThrow(/openpi-libero/)
  })

  it('pad as resize_with_pad of openpi-client does: 640x480 becomes 224x168 in 224x224', () => {
    const [view] = loadMapping('openpi-libero').images
    expect(renderSpec(view)).toMatchObject({ width: 224, height: 168 })
    expect(renderSpec({ ...view, crop: [0, 0, 100, 200] })).toMatchObject({ width: 112, height: 224 })
    expect(renderSpec({ ...view, fit: 'stretch' })).toMatchObject({ width: 224, height: 224 })
  })
})
