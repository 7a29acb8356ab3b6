/** How many times as long as it took something rests. */
const REST = 3;

/**
 * Does something soon after it is asked to, never twice at the same time and at most once in `interval` milliseconds.
 * Whatever is asked meanwhile is done once, at the end. What takes long is done more rarely: it rests for three times as long.
 */
export class Throttle {
  private readonly act: () => Promise<unknown>;
  private readonly interval: number;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isRunning = false;
  private isAsked = false;
  private next = Number.NEGATIVE_INFINITY;

  constructor(act: () => Promise<unknown>, interval: number) {
    this.act = act;
    this.interval = interval;
  }

  ask(): void {
    this.isAsked = true;
    this.plan();
  }

  /** Forgets what was asked. */
  clear(): void {
    this.isAsked = false;
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private plan(): void {
    if (!this.isAsked || this.isRunning || this.timer !== undefined) return;
    this.timer = setTimeout(() => void this.run(), Math.max(0, this.next - Date.now()));
  }

  private async run(): Promise<void> {
    this.timer = undefined;
    this.isAsked = false;
    this.isRunning = true;
    const begun = Date.now();
    try {
      await this.act();
    } catch {
      // Whoever shows it says so.
    } finally {
      const took = Date.now() - begun;
      this.next = begun + Math.max(this.interval, took * (1 + REST));
      this.isRunning = false;
      this.plan();
    }
  }
}
