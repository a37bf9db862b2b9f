/** What a policy has to know about a robot: for its prompt, and for its action and state channels. */
export interface EmbodimentDescription {
  id: string
  robotTag: string
  arms: 'single arm' | 'dual arms'
  waist: boolean
  mobileBase: boolean
  /** Hz. */
  controlFrequency: number
  actionDim: number
  stateDim: number
  actionNames: string[]
  stateNames: string[]
  /** Size of a useful action by channel, m and rad; 0 for commands that are not disturbed by noise (grippers). */
  actionScale: number[]
}

export const widowx: EmbodimentDescription = {
  id: 'widowx',
  robotTag: 'WidowX 250s',
  arms: 'single arm',
  waist: false,
  mobileBase: false,
  controlFrequency: 5,
  actionDim: 7,
  stateDim: 14,
  actionNames: ['dx', 'dy', 'dz', 'rx', 'ry', 'rz', 'gripper'],
  stateNames: [
    ...['x', 'y', 'z', 'rx', 'ry', 'rz'],
    ...['opening', 'lastGripper'],
    ...['leadX', 'leadY', 'leadZ', 'leadRx', 'leadRy', 'leadRz'],
  ],
  actionScale: [0.04, 0.04, 0.04, 0.1, 0.1, 0.1, 0],
}

/** Each arm's names are those of its joints, base first; the gripper is a command 0 closed ... 1 open, and as state its opening. */
const alohaJoints = ['left', 'right'].flatMap((arm) =>
  ['waist', 'shoulder', 'elbow', 'forearmRoll', 'wristAngle', 'wristRotate', 'gripper'].map(
    (joint) => `${arm}.${joint}`,
  ),
)

/** Two ViperX 300s: absolute joint angles, rad, and grippers. */
export const aloha: EmbodimentDescription = {
  id: 'aloha',
  robotTag: 'ALOHA',
  arms: 'dual arms',
  waist: false,
  mobileBase: false,
  controlFrequency: 10,
  actionDim: 14,
  stateDim: 14,
  actionNames: alohaJoints,
  stateNames: alohaJoints,
  actionScale: alohaJoints.map((name) => (name.endsWith('gripper') ? 0 : 0.05)),
}

/** Gripper action: a change of the fingers' target, 1 closes, -1 opens, 0 leaves it. */
export const googleRobot: EmbodimentDescription = {
  id: 'google_robot',
  robotTag: 'Google Robot',
  arms: 'single arm',
  waist: false,
  mobileBase: false,
  controlFrequency: 3,
  actionDim: 7,
  stateDim: 7,
  actionNames: ['dx', 'dy', 'dz', 'rx', 'ry', 'rz', 'gripper'],
  stateNames: ['x', 'y', 'z', 'rx', 'ry', 'rz', 'opening'],
  actionScale: [0.08, 0.08, 0.08, 0.2, 0.2, 0.2, 0],
}

export const embodiments: ReadonlyMap<string, EmbodimentDescription> = new Map(
  [widowx, googleRobot, aloha].map((embodiment) => [embodiment.id, embodiment]),
)
