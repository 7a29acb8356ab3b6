// A menu behind a button.

import { Menu } from "@base-ui/react/menu";
import type { ReactElement, ReactNode } from "react";

interface Props {
  readonly trigger: ReactElement;
  readonly children: ReactNode;
  readonly align?: "start" | "end";
}

export function MenuButton({ trigger, children, align = "end" }: Props): ReactNode {
  return (
    <Menu.Root>
      <Menu.Trigger render={trigger} />
      <Menu.Portal>
        <Menu.Positioner align={align} sideOffset={4} className="z-40">
          <Menu.Popup className="popup">{children}</Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}

interface ItemProps {
  readonly children: ReactNode;
  readonly onClick: () => void;
  readonly disabled?: boolean;
  readonly danger?: boolean;
}

export function MenuItem({ children, onClick, disabled = false, danger = false }: ItemProps): ReactNode {
  return (
    <Menu.Item className={`popup-item ${danger ? "text-failed" : ""}`} onClick={onClick} disabled={disabled}>
      {children}
    </Menu.Item>
  );
}
