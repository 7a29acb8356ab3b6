/**
 * Does something soon after it is asked to, never twice at the same time and at most once in `interval` milliseconds.
 * Whatever is asked meanwhile is done once, at the end.
 */
export class Throttle {
  private readonly act: () => Promise<unknown>;
  private readonly interval: number;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isRunning = false;
  private isAsked = false;
  private last = Number.NEGATIVE_INFINITY;

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
    this.timer = setTimeout(() => void this.run(), Math.max(0, this.last + this.interval - Date.now()));
  }

  private async run(): Promise<void> {
    this.timer = undefined;
    this.isAsked = false;
    this.isRunning = true;
    this.last = Date.now();
    try {
      await this.act();
    } catch {
      // Whoever shows it says so.
    } finally {
      this.isRunning = false;
      this.plan();
    }
  }
}
