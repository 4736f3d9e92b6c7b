"""Who serves the town: suppliers, services with tariffs, management companies, districts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Supplier:
    """A resource supplier; its id is its place in SUPPLIERS, from 1."""

    name: str
    inn: str
    phone: str


@dataclass(frozen=True, slots=True)
class ServiceTariff:
    """A service and what one unit of it costs."""

    id: int
    code: str
    name: str
    supplier: int
    unit: str
    kopecks_per_unit: int


TOWN = "г. Заречный"

SUPPLIERS = (
    Supplier("АО «Заречная теплосеть»", "5838010017", "+7 8412 60-10-01"),
    Supplier("МУП «Водоканал»", "5838010024", "+7 8412 60-10-02"),
    Supplier("АО «Заречный энергосбыт»", "5838010031", "+7 8412 60-10-03"),
    Supplier("АО «Заречныймежрайгаз»", "5838010049", "+7 8412 60-10-04"),
    Supplier("ООО «Чистый город», региональный оператор", "5838010056", "+7 8412 60-10-05"),
    Supplier("Фонд капитального ремонта", "5838010063", "+7 8412 60-10-06"),
    Supplier("Расчётный центр управляющих компаний", "5838010070", "+7 8412 60-10-07"),
)

MAINTENANCE, HEATING, COLD_WATER, HOT_WATER, SEWAGE = 1, 2, 3, 4, 5
ELECTRICITY, GAS, WASTE, CAPITAL_REPAIR = 6, 7, 8, 9

SERVICES = (
    ServiceTariff(MAINTENANCE, "maintenance", "Содержание жилья", 7, "м²", 26_50),
    ServiceTariff(HEATING, "heating", "Отопление", 1, "Гкал", 2_150_00),
    ServiceTariff(COLD_WATER, "cold_water", "Холодное водоснабжение", 2, "м³", 54_20),
    ServiceTariff(HOT_WATER, "hot_water", "Горячее водоснабжение", 1, "м³", 218_40),
    ServiceTariff(SEWAGE, "sewage", "Водоотведение", 2, "м³", 38_70),
    ServiceTariff(ELECTRICITY, "electricity", "Электроснабжение", 3, "кВт·ч", 6_25),
    ServiceTariff(GAS, "gas", "Газоснабжение", 4, "м³", 7_90),
    ServiceTariff(WASTE, "waste", "Обращение с ТКО", 5, "чел.", 148_62),
    ServiceTariff(CAPITAL_REPAIR, "capital_repair", "Взнос на капитальный ремонт", 6, "м²", 10_90),
)
TARIFF = {service.id: service.kopecks_per_unit for service in SERVICES}
CODE = {service.id: service.code for service in SERVICES}

DISTRICTS = ("Центральный", "Северный", "Южный", "Заводской", "Набережный", "Лесной")

COMPANIES = (
    ("ООО «УК Центральная»", "5838020015"),
    ("ООО «Домовой»", "5838020022"),
    ("ООО «УК Северное сияние»", "5838020030"),
    ("ТСЖ «Надежда»", "5838020047"),
    ("ООО «УК Южный дом»", "5838020054"),
    ("ООО «Уют-Сервис»", "5838020061"),
    ("АО «Жилкомсервис»", "5838020079"),
    ("ТСЖ «Заводское»", "5838020086"),
    ("ООО «УК Набережная»", "5838020093"),
    ("ООО «Комфорт»", "5838020103"),
    ("ООО «УК Лесная поляна»", "5838020110"),
    ("ТСЖ «Сосновый бор»", "5838020128"),
)
"""Name and ИНН; two to a district, in the order of DISTRICTS."""
