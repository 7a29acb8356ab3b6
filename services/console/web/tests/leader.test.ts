import { describe, expect, it } from "vitest";
import { Election, type Vote } from "../src/live/leader";

/** Tabs that hear one another at once, on one clock. */
class Browser {
  now = 1_000_000;
  tabs: Election[] = [];

  open(id: string): Election {
    const tab = new Election(id, this.now);
    this.tabs.push(tab);
    return tab;
  }

  close(tab: Election): void {
    this.tabs = this.tabs.filter((other) => other !== tab);
    if (tab.leads) this.tell(tab, { type: "bye", id: tab.id });
  }

  tell(from: Election, vote: Vote): void {
    for (const tab of this.tabs) {
      if (tab === from) continue;
      const answer = tab.hear(vote, this.now);
      if (answer) this.tell(tab, answer);
    }
  }

  pass(milliseconds: number): void {
    for (const end = this.now + milliseconds; this.now < end; this.now += 250) {
      for (const tab of this.tabs) {
        const vote = tab.tick(this.now);
        if (vote) this.tell(tab, vote);
      }
    }
  }

  get leaders(): string[] {
    return this.tabs.filter((tab) => tab.leads).map((tab) => tab.id);
  }
}

describe("tabs that elect one of them", () => {
  it("have one leader soon, however many open at once", () => {
    const browser = new Browser();
    for (const id of ["c", "a", "b"]) browser.open(id);
    browser.pass(1_000);
    expect(browser.leaders).toHaveLength(1);
  });

  it("keep it when others come", () => {
    const browser = new Browser();
    browser.open("m");
    browser.pass(1_000);
    browser.open("a");
    browser.open("z");
    browser.pass(10_000);
    expect(browser.leaders).toEqual(["m"]);
  });

  it("have another at once when it closes, and within seconds when it is silent", () => {
    const browser = new Browser();
    const first = browser.open("m");
    browser.pass(1_000);
    browser.open("a");
    browser.open("b");
    browser.pass(1_000);
    browser.close(first);
    browser.pass(1_000);
    expect(browser.leaders).toHaveLength(1);
    const second = browser.tabs.find((tab) => tab.leads) as Election;
    browser.tabs = browser.tabs.filter((tab) => tab !== second);
    browser.pass(5_000);
    expect(browser.leaders).toHaveLength(1);
  });

  it("agree on the smaller id when two lead", () => {
    const browser = new Browser();
    const [one, other] = [browser.open("a"), browser.open("b")];
    browser.pass(1_000);
    one.leads = true;
    other.leads = true;
    browser.pass(2_000);
    expect(browser.leaders).toEqual(["a"]);
  });
});
