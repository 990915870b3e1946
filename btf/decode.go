package btf

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf/btf"
)

// maxDecode bounds how deep types are nested in each other.
const maxDecode = 64

// decode returns a type. Behind a pointer, named structures are declared only.
func (k *Kernel) decode(id uint32, behind bool) (btf.Type, error) {
	if id == 0 {
		return &btf.Void{}, nil
	}
	if id <= k.inherited() {
		return k.base.decode(id, behind)
	}
	if id > k.last() {
		return nil, fmt.Errorf("there is no type %d", id)
	}
	key := decodeKey{id, behind}
	if k.active[key] {
		return nil, fmt.Errorf("type %d contains itself", id)
	}
	if t, ok := k.decoded[key]; ok {
		return t, nil
	}
	if len(k.active) >= maxDecode {
		return nil, fmt.Errorf("types are nested more than %d deep", maxDecode)
	}
	k.active[key] = true
	defer delete(k.active, key)
	r := k.record(id)
	name, err := k.name(r.name)
	if err != nil {
		return nil, err
	}
	if behind && name != "" {
		switch r.kind() {
		case kindStruct:
			return k.keep(key, &btf.Fwd{Name: name, Kind: btf.FwdStruct}), nil
		case kindUnion:
			return k.keep(key, &btf.Fwd{Name: name, Kind: btf.FwdUnion}), nil
		}
	}
	t, err := k.build(key, &r, name)
	if err != nil {
		clear(k.decoded) // half of a type may be there
		return nil, err
	}
	return t, nil
}

// keep notes a type, so that it is one however often it is asked for.
func (k *Kernel) keep(key decodeKey, t btf.Type) btf.Type {
	k.decoded[key] = t
	return t
}

// part decodes a type into its place in another one.
func (k *Kernel) part(into *btf.Type, id uint32, behind bool) (err error) {
	*into, err = k.decode(id, behind)
	return err
}

// u32 returns number i of a record's tail.
func (k *Kernel) u32(r *rawType, i int) uint32 { return k.word(r.tail[4*i:]) }

func (k *Kernel) build(key decodeKey, r *rawType, name string) (btf.Type, error) {
	switch r.kind() {
	case kindInt:
		return k.keep(key, k.int(r, name)), nil
	case kindPtr:
		t := &btf.Pointer{}
		k.keep(key, t)
		return t, k.part(&t.Target, r.size, true)
	case kindArray:
		t := &btf.Array{Nelems: k.u32(r, 2)}
		k.keep(key, t)
		if err := k.part(&t.Index, k.u32(r, 1), false); err != nil {
			return nil, err
		}
		return t, k.part(&t.Type, k.u32(r, 0), key.behind)
	case kindStruct:
		t := &btf.Struct{Name: name, Size: r.size}
		k.keep(key, t)
		var err error
		t.Members, err = k.members(r)
		return t, err
	case kindUnion:
		t := &btf.Union{Name: name, Size: r.size}
		k.keep(key, t)
		var err error
		t.Members, err = k.members(r)
		return t, err
	case kindEnum, kindEnum64:
		t, err := k.enum(r, name)
		if err != nil {
			return nil, err
		}
		return k.keep(key, t), nil
	case kindFwd:
		t := &btf.Fwd{Name: name, Kind: btf.FwdStruct}
		if r.flag() {
			t.Kind = btf.FwdUnion
		}
		return k.keep(key, t), nil
	case kindFloat:
		return k.keep(key, &btf.Float{Name: name, Size: r.size}), nil
	case kindFunc:
		t := &btf.Func{Name: name, Linkage: btf.FuncLinkage(r.vlen())}
		k.keep(key, t)
		return t, k.part(&t.Type, r.size, false)
	case kindProto:
		return k.proto(key, r)
	}
	return k.modifier(key, r, name)
}

// modifier decodes what adds a word to one other type.
func (k *Kernel) modifier(key decodeKey, r *rawType, name string) (btf.Type, error) {
	switch r.kind() {
	case kindTypedef:
		t := &btf.Typedef{Name: name}
		k.keep(key, t)
		return t, k.part(&t.Type, r.size, key.behind)
	case kindVolatile:
		t := &btf.Volatile{}
		k.keep(key, t)
		return t, k.part(&t.Type, r.size, key.behind)
	case kindConst:
		t := &btf.Const{}
		k.keep(key, t)
		return t, k.part(&t.Type, r.size, key.behind)
	case kindRestrict:
		t := &btf.Restrict{}
		k.keep(key, t)
		return t, k.part(&t.Type, r.size, key.behind)
	case kindTypeTag:
		t := &btf.TypeTag{Value: name}
		k.keep(key, t)
		return t, k.part(&t.Type, r.size, key.behind)
	}
	return nil, fmt.Errorf("type %d is of kind %d, which is no type of an object", key.id, r.kind())
}

func (k *Kernel) int(r *rawType, name string) *btf.Int {
	t := &btf.Int{Name: name, Size: r.size}
	switch flags := k.u32(r, 0) >> 24 & 7; {
	case flags&4 != 0:
		t.Encoding = btf.Bool
	case flags&1 != 0:
		t.Encoding = btf.Signed
	}
	return t
}

func (k *Kernel) enum(r *rawType, name string) (*btf.Enum, error) {
	t := &btf.Enum{Name: name, Size: r.size, Signed: r.flag()}
	for i := range r.vlen() {
		var v btf.EnumValue
		var err error
		step := int(tails[r.kind()].each) / 4
		if v.Name, err = k.name(k.u32(r, i*step)); err != nil {
			return nil, err
		}
		v.Value = uint64(k.u32(r, i*step+1))
		switch {
		case step == 3:
			v.Value |= uint64(k.u32(r, i*step+2)) << 32
		case t.Signed:
			v.Value = uint64(int64(int32(v.Value)))
		}
		t.Values = append(t.Values, v)
	}
	return t, nil
}

// members decodes a structure's members. With the flag set, an offset's upper
// byte is the width of a bit-field.
func (k *Kernel) members(r *rawType) ([]btf.Member, error) {
	out := make([]btf.Member, r.vlen())
	for i := range out {
		m := &out[i]
		var err error
		if m.Name, err = k.name(k.u32(r, 3*i)); err != nil {
			return nil, err
		}
		at := k.u32(r, 3*i+2)
		m.Offset = btf.Bits(at)
		if r.flag() {
			m.Offset, m.BitfieldSize = btf.Bits(at&0xffffff), btf.Bits(at>>24)
		}
		if err := k.part(&m.Type, k.u32(r, 3*i+1), false); err != nil {
			return nil, fmt.Errorf("member %q: %w", m.Name, err)
		}
		if n, err := sizeof(m.Type); err == nil && uint64(m.Offset)/8+uint64(n) > uint64(r.size) && m.BitfieldSize == 0 {
			return nil, fmt.Errorf("member %q ends behind the %d bytes", m.Name, r.size)
		}
	}
	return out, nil
}

func (k *Kernel) proto(key decodeKey, r *rawType) (btf.Type, error) {
	t := &btf.FuncProto{Params: make([]btf.FuncParam, r.vlen())}
	k.keep(key, t)
	if err := k.part(&t.Return, r.size, false); err != nil {
		return nil, err
	}
	for i := range t.Params {
		p := &t.Params[i]
		var err error
		if p.Name, err = k.name(k.u32(r, 2*i)); err != nil {
			return nil, err
		}
		id := k.u32(r, 2*i+1)
		if id == 0 && i < len(t.Params)-1 {
			return nil, errors.New("a parameter has no type")
		}
		if err := k.part(&p.Type, id, false); err != nil {
			return nil, err
		}
	}
	return t, nil
}
