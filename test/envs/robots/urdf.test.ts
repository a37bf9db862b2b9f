import { readFileSync } from 'node:fs'
import { UserError } from '@vla-gym/gymnasium'
import { describe, expect, it } from 'vitest'
import { type ArmSettings, buildArm } from '../../../envs/robots/armSpec.js'
import { principalInertia } from '../../../envs/robots/massProperties.js'
import { parseUrdf } from '../../../envs/robots/urdf.js'
import { widowx250s } from '../../../envs/robots/widowx250s.js'
import { loadMujoco, MujocoSimulation } from '../../../scripts/peers/mujoco/load.js'

const read = (name: string) =>
  readFileSync(new URL(`../../../assets/robots/${name}`, import.meta.url), 'utf8')
const source = read('widowx250s.urdf')
const settings = JSON.parse(read('widowx250s.json')) as ArmSettings

const MASS = '<mass value="1"/><inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0" iyz="0"/>'
const link = (name: string, content = '') => `<link name="${name}">${content}</link>`
const joint = (name: string, parent: string, child: string, content = '<limit lower="-1" upper="1"/>') =>
  `<joint name="${name}" type="revolute"><parent link="${parent}"/><child link="${child}"/>${content}</joint>`
const robot = (...content: string[]) => `<robot name="r">${content.join('')}</robot>`
const inertial = (content: string) => robot(link('a', `<inertial>${content}</inertial>`))
const geometry = (shape: string) => robot(link('a', `<visual><geometry>${shape}</geometry></visual>`))
const ab = [link('a'), link('b')]

describe('parseUrdf', () => {
  it('reads frames, axes, limits, masses, shapes and colours', () => {
    const { root, links, joints } = parseUrdf(
      robot(
        '<material name="red"><color rgba="1 0 0 1"/></material>',
        link(
          'a',
          `<inertial><origin xyz="1 2 3" rpy="0 0 ${Math.PI / 2}"/><mass value="2"/>
           <inertia ixx="1" iyy="2" izz="2.5" ixy="0" ixz="0" iyz="0"/></inertial>
           <visual><origin xyz="0 0 1"/><geometry><cylinder radius="0.1" length="2"/></geometry>
           <material name="red"/></visual>
           <collision><origin xyz="0 0 1"/><geometry><cylinder radius="0.1" length="2"/></geometry></collision>
           <collision><geometry><sphere radius="0.3"/></geometry></collision>`,
        ),
        link('b'),
        `<joint name="j" type="prismatic"><parent link="a"/><child link="b"/>
         <origin xyz="0 1 0" rpy="${Math.PI / 2} 0 0"/><axis xyz="0 3 4"/>
         <limit lower="0" upper="0.5" effort="7" velocity="2"/></joint>`,
        '<gazebo/>',
      ),
      'r.urdf',
    )
    expect(root).toBe('a')
    const a = links.get('a')!
    expect(a.inertial!.com).toEqual([1, 2, 3])
    // A quarter turn about z exchanges x and y.
    for (const [i, value] of [2, 1, 2.5, 0, 0, 0].entries())
      expect(a.inertial!.inertia[i]).toBeCloseTo(value, 12)
    expect(a.parts).toHaveLength(2)
    expect(a.parts[0]).toMatchObject({
      shape: { kind: 'cylinder', radius: 0.1, halfHeight: 1 },
      color: 0xff0000,
      collides: true,
    })
    expect(a.parts[1]).toMatchObject({ shape: { kind: 'sphere', radius: 0.3 }, visible: false })
    const [j] = joints
    expect(j).toMatchObject({ type: 'prismatic', origin: [0, 1, 0], lower: 0, upper: 0.5, effort: 7 })
    for (const [i, value] of [0, 0.6, 0.8].entries()) expect(j.axis[i]).toBeCloseTo(value, 12)
    for (const [i, value] of [Math.SQRT1_2, 0, 0, Math.SQRT1_2].entries())
      expect(j.rotation[i]).toBeCloseTo(value, 12)
  })

  it.each<[string, string, RegExp]>([
    ['no XML', 'hello', /r.urdf: not XML: .*line 1/],
    ['an element left open', '<robot><link name="a"></robot>', /not XML: .*line 1/],
    ['other XML', '<svg/>', /root element is not <robot>/],
    ['nothing in it', '<robot name="r"/>', /no <link>|not <robot>/],
    ['a link without a name', robot('<link/>'), /<link> has no name/],
    ['a link twice', robot(link('a'), link('a')), /link 'a' is declared twice/],
    [
      'a joint twice',
      robot(...ab, link('c'), joint('j', 'a', 'b'), joint('j', 'a', 'c')),
      /joint 'j' is declared twice/,
    ],
    ['a missing child', robot(link('a'), joint('j', 'a', 'b')), /joint 'j': child link 'b' is not declared/],
    [
      'an unknown parent',
      robot(link('b'), joint('j', 'a', 'b')),
      /joint 'j': parent link 'a' is not declared/,
    ],
    [
      'no parent element',
      robot(...ab, '<joint name="j" type="fixed"><child link="b"/></joint>'),
      /<parent link="..."\/> is missing/,
    ],
    [
      'two parents',
      robot(...ab, link('c'), joint('j', 'a', 'c'), joint('k', 'b', 'c')),
      /link 'c' is the child of joints 'j' and 'k'/,
    ],
    ['a cycle', robot(...ab, joint('j', 'a', 'b'), joint('k', 'b', 'a')), /form a cycle/],
    [
      'a cycle beside a root',
      robot(...ab, link('c'), joint('j', 'a', 'b'), joint('k', 'b', 'a')),
      /form a cycle/,
    ],
    ['a joint to itself', robot(link('a'), joint('j', 'a', 'a')), /form a cycle/],
    ['two roots', robot(...ab), /'a', 'b' have no parent/],
    [
      'a negative mass',
      inertial(MASS.replace('value="1"', 'value="-1"')),
      /link 'a': mass is -1; it must be positive/,
    ],
    ['a mass of zero', inertial(MASS.replace('value="1"', 'value="0"')), /mass is 0/],
    [
      'an infinite mass',
      inertial(MASS.replace('value="1"', 'value="Infinity"')),
      /value='Infinity' is not a finite number/,
    ],
    ['no mass', inertial('<inertia/>'), /<mass> value is missing/],
    ['no inertia', inertial('<mass value="1"/>'), /<inertia> ixx is missing/],
    ['an indefinite inertia', inertial(MASS.replace('ixy="0"', 'ixy="2"')), /not positive-definite/],
    ['an impossible inertia', inertial(MASS.replace('izz="1"', 'izz="3"')), /triangle inequality/],
    [
      'an unsupported joint',
      robot(...ab, joint('j', 'a', 'b').replace('revolute', 'planar')),
      /joint 'j': type 'planar' is not supported; use/,
    ],
    ['no limits', robot(...ab, joint('j', 'a', 'b', '')), /<limit> is missing/],
    [
      'limits the wrong way round',
      robot(...ab, joint('j', 'a', 'b', '<limit lower="1" upper="-1"/>')),
      /limits 1 ... -1 leave no range/,
    ],
    [
      'a limit that is no number',
      robot(...ab, joint('j', 'a', 'b', '<limit lower="x" upper="1"/>')),
      /lower='x' is not a finite number/,
    ],
    [
      'a negative effort',
      robot(...ab, joint('j', 'a', 'b', '<limit lower="0" upper="1" effort="-1"/>')),
      /must not be negative/,
    ],
    [
      'an axis of zero',
      robot(...ab, joint('j', 'a', 'b', '<axis xyz="0 0 0"/><limit lower="0" upper="1"/>')),
      /axis is zero/,
    ],
    [
      'an origin of two numbers',
      robot(...ab, joint('j', 'a', 'b', '<origin xyz="0 1"/><limit lower="0" upper="1"/>')),
      /<origin> xyz='0 1' must be three finite numbers/,
    ],
    ['a mesh', geometry('<mesh filename="a.stl"/>'), /link 'a': geometry 'mesh' is not supported; use <box>/],
    ['a flat box', geometry('<box size="1 0 1"/>'), /sizes must be positive/],
    ['an empty geometry', geometry(''), /geometry 'nothing' is not supported/],
    [
      'a colour out of range',
      robot(
        link(
          'a',
          '<visual><geometry><sphere radius="1"/></geometry><material name="m"><color rgba="2 0 0 1"/></material></visual>',
        ),
      ),
      /material colour '2 0 0 1'/,
    ],
  ])('refuses %s in one line', (_, text, message) => {
    const parse = () => parseUrdf(text, 'r.urdf')
    expect(parse).toThrow(UserError)
    expect(parse).toThrow(message)
    expect(parse).not.toThrow(/\n/)
  })
})

describe('buildArm', () => {
  const build = (text: string, change: Partial<ArmSettings> = {}) =>
    buildArm(parseUrdf(text, 'r.urdf'), { ...settings, ...change }, 'r.urdf')
  const { waist, shoulder, ...others } = settings.joints

  it.each<[string, () => unknown, RegExp]>([
    [
      'gains of no joint',
      () => build(source, { joints: { ...settings.joints, knee: waist } }),
      /joint 'knee' of the settings is not in the file/,
    ],
    [
      'a joint without gains',
      () => build(source, { joints: { waist, ...others } }),
      /joint 'shoulder' moves, but the settings have no gains/,
    ],
    [
      'joints out of order',
      () => build(source, { joints: { shoulder, waist, ...others } }),
      /joint 'shoulder' does not follow/,
    ],
    [
      'a TCP elsewhere',
      () => build(source, { tcp: 'base_link' }),
      /link 'base_link' \(tcp\) is not fixed to the last link/,
    ],
    [
      'a fixed joint with gains',
      () => build(source.replace('"waist" type="revolute"', '"waist" type="fixed"')),
      /joint 'waist' has gains, but is fixed/,
    ],
    [
      'a finger that turns',
      () => build(source.replace('"left_finger" type="prismatic"', '"left_finger" type="revolute"')),
      /a finger needs a prismatic joint/,
    ],
    [
      'a moving link without mass',
      () => build(source.replace(/(<link name="shoulder_link">)[\s\S]*?<\/inertial>/, '$1')),
      /link 'shoulder_link' moves, but has no mass/,
    ],
  ])('refuses %s', (_, run, message) => {
    expect(run).toThrow(UserError)
    expect(run).toThrow(message)
  })

  // MuJoCo reads the same file, and lumps links that are fixed to each other as we do.
  it('has the masses, centres of mass and inertias that MuJoCo finds in the same file', async () => {
    const simulation = new MujocoSimulation(await loadMujoco(), source)
    const { body_mass, body_ipos, body_inertia } = simulation.model
    const { joints, links, gripper } = widowx250s
    const moving = joints.map((_, i) => links[i + 1])
    for (const { name, mass } of [...moving, ...gripper.fingers]) {
      const id = simulation.bodyId(name)
      expect(id).toBeGreaterThan(0)
      expect(mass.mass).toBeCloseTo(body_mass[id], 12)
      for (let k = 0; k < 3; k++) expect(mass.com[k]).toBeCloseTo(body_ipos[3 * id + k], 10)
      const moments = [...body_inertia.subarray(3 * id, 3 * id + 3)].sort((a, b) => a - b)
      const ours = principalInertia(mass.inertia).moments
      for (let k = 0; k < 3; k++) expect(ours[k] / moments[k]).toBeCloseTo(1, 6)
    }
    simulation.close()
  })
})
