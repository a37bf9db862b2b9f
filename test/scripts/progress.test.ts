import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createProgress } from '../../scripts/progress.js'

let written = ''
const stream = (isTTY: boolean, columns = 120) => ({
  isTTY,
  columns,
  write: (text: string) => (written += text),
})
const lines = () => written.split('\n').slice(0, -1)

beforeEach(() => {
  written = ''
  vi.useFakeTimers()
})
afterEach(() => vi.useRealTimers())

it('without a terminal prints a line at the start, every five seconds and at the end', () => {
  const progress = createProgress({ label: 'evaluate', total: 400, unit: 'episodes' }, stream(false))
  progress.update(0)
  for (let second = 1; second <= 12; second++) {
    vi.advanceTimersByTime(1000)
    progress.update(second * 10, { success: '62 %', loss: 0.123456 })
  }
  progress.stop()
  progress.stop()
  expect(lines()).toEqual([
    'evaluate 0/400 episodes, 0 %',
    'evaluate 50/400 episodes, 12 %, 10 episodes/s, 35s left, success 62 %, loss 0.123',
    'evaluate 100/400 episodes, 25 %, 10 episodes/s, 30s left, success 62 %, loss 0.123',
    'evaluate 120/400 episodes, 30 %, 10 episodes/s, 28s left, success 62 %, loss 0.123',
  ])
})

it('counts the rate from where a resumed task starts, and says how long all took', () => {
  const progress = createProgress({ label: 'sft', total: 10000, unit: 'steps' }, stream(false))
  progress.update(9000)
  vi.advanceTimersByTime(100_000)
  progress.update(9010)
  vi.advanceTimersByTime(9_900_000)
  progress.update(10000)
  progress.stop()
  expect(lines()[1]).toBe('sft 9010/10000 steps, 90 %, 0.1 steps/s, 2h45m left')
  expect(lines().at(-1)).toBe('sft 10000/10000 steps, 100 %, 0.1 steps/s, took 2h46m')
  expect(lines().length).toBe(3)
})

it('shows a time budget without a rate', () => {
  const progress = createProgress({ label: 'rl', total: 120, unit: 's' }, stream(false))
  progress.update(0)
  vi.advanceTimersByTime(30_000)
  progress.update(30.123)
  expect(lines()[1]).toBe('rl 30.1/120 s, 25 %, 1m30s left')
})

it('on a terminal redraws one line, not too often, within its width', () => {
  const progress = createProgress({ label: 'collect', total: 10, unit: 'episodes' }, stream(true, 40))
  for (let i = 0; i <= 100; i++) {
    progress.update(i / 10, { note: 'x'.repeat(100) })
    vi.advanceTimersByTime(10)
  }
  progress.stop()
  const frames = written.split('\r').slice(1)
  expect(frames.length).toBeGreaterThan(5)
  expect(frames.length).toBeLessThan(15)
  for (const frame of frames) expect(frame.replace('\x1b[K', '').trimEnd().length).toBeLessThan(40)
  expect(frames[0]).toMatch(/^collect ░{16} 0\/10/)
  expect(frames.at(-1)).toMatch(/^collect █{16} /)
  expect(written.endsWith('\x1b[K\n')).toBe(true)
  expect(written.match(/\n/g)?.length).toBe(1)
})
