#!/usr/bin/env node
import { existsSync } from 'node:fs'

const entry = new URL('../dist/scripts/vla-gym.js', import.meta.url)
if (!existsSync(entry)) await import('../scripts/setup.mjs')
await import(entry.href)
