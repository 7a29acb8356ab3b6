// Hides columns of the log, and shows them again.

import { Menu } from "@base-ui/react/menu";
import { Check, Columns3 } from "lucide-react";
import type { ReactNode } from "react";
import * as en from "../../messages/en";
import { MenuButton } from "../../parts/menu";
import { type Column, HIDEABLE } from "./columns";

export function ColumnsMenu({ hidden, onChange }: { hidden: readonly Column[]; onChange: (hidden: readonly Column[]) => void }): ReactNode {
  return (
    <MenuButton
      trigger={
        <button type="button" className="btn btn-small">
          <Columns3 aria-hidden="true" />
          {en.log.columnsButton}
        </button>
      }
    >
      {HIDEABLE.map((column) => (
        <Menu.CheckboxItem
          key={column}
          className="popup-item"
          checked={!hidden.includes(column)}
          onCheckedChange={(shown) => onChange(HIDEABLE.filter((one) => (one === column ? !shown : hidden.includes(one))))}
        >
          {en.log.columns[column]}
          <Menu.CheckboxItemIndicator className="ms-auto">
            <Check size={13} aria-hidden="true" />
          </Menu.CheckboxItemIndicator>
        </Menu.CheckboxItem>
      ))}
    </MenuButton>
  );
}
