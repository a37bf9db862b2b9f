import type { Embodiment } from './embodiment.js'

/** The embodiment prompt of Qwen-VLA (arXiv 2605.30280): robot, rate and horizon, then the instruction. */
export function embodimentPrompt(
  embodiment: Pick<Embodiment, 'robotTag' | 'arms' | 'waist' | 'mobileBase' | 'controlFrequency'>,
  chunkSize: number,
  instruction: string,
): string {
  const body =
    embodiment.arms + (embodiment.waist ? ', waist' : '') + (embodiment.mobileBase ? ', and mobile base' : '')
  return (
    `The robot is ${embodiment.robotTag} with ${body}. ` +
    `The control frequency is ${embodiment.controlFrequency} Hz. ` +
    `Please predict the next ${chunkSize} control actions to execute the following task: ${instruction.trim().replace(/\.+$/, '')}.`
  )
}
