package script

import lua "github.com/yuin/gopher-lua"

// openAtomic makes bpf.atomic: functions that work in the kernel stage only.
func (st *Stage) openAtomic(bpf *lua.LTable) {
	fs := map[string]libFunc{}
	for _, name := range []string{"add", "and_", "or_", "xor", "xchg", "cmpxchg"} {
		fs[name] = st.inKernel("bpf.atomic." + name)
	}
	t := st.vm.NewTable()
	st.register(t, "bpf.atomic.", fs)
	st.close(t, "bpf.atomic")
	bpf.RawSetString("atomic", t)
}

// inKernel is a function of the kernel stage, called in the script stage.
func (st *Stage) inKernel(name string) libFunc {
	return func(L *lua.LState) int {
		L.RaiseError("%s works only in functions compiled for the kernel", name)
		return 0
	}
}
